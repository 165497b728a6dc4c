// SPDX-License-Identifier: Apache-2.0
#include "engine/launch.h"

#include "base/error.h"
#include "base/file.h"
#include "engine/capability_set.h"
#include "engine/container_network.h"
#include "engine/devices.h"
#include "engine/hints.h"
#include "engine/machine.h"
#include "engine/names.h"
#include "engine/reaper.h"
#include "engine/seccomp_profile.h"
#include "engine/spec_from_image.h"
#include "engine/teardown.h"
#include "engine/volumes.h"
#include "image/reference.h"
#include "image/store.h"
#include "oci/codec.h"
#include "rootfs/overlay.h"
#include "runtime/runtime.h"

namespace crunlite::engine {
namespace {

constexpr size_t kMostProfile = 4u << 20;
constexpr size_t kIdBytes = 32;

// What the steps of one launch share.
struct Launch {
  const Config& config;
  const RunOptions& options;
  const Say& say;
};

image::Image find_image(const Launch& launch, const image::Store& store) {
  if (std::optional<image::Image> found = store.find(launch.options.image)) return std::move(*found);
  try {
    return store.require(launch.options.image);
  } catch (const Error& error) {
    constexpr std::string_view kLoad =
        "`crun-lite load -i FILE` brings an image in: this version does not pull";
    // The words of docker, for whom they would begin a pull.
    throw Error(error.kind(), "Unable to find image '",
                image::parse_reference_or_latest(launch.options.image).familiar(), "' locally")
        .with_remedy(error.remedy().empty() ? std::string(kLoad) : cat(error.remedy(), " Otherwise ", kLoad));
  }
}

ContainerDir reserve(const Launch& launch, const image::Image& image) {
  ContainerRecord record{.id = random_hex(kIdBytes), .name = launch.options.name};
  if (record.name.empty()) record.name = random_name();
  record.image = launch.options.image;
  record.image_id = image.id;
  record.state_root = launch.config.state_root;
  record.cgroup_path = container_cgroup(launch.options, record.id);
  record.bridge = launch.config.network.bridge;
  return ContainerDir::create(launch.config.storage_root, std::move(record));
}

// docker's: the file must be new, so that two containers never share one.
void write_cidfile(const RunOptions& options, const std::string& id) {
  if (options.cidfile.empty()) return;
  const UniqueFd file =
      check(sys::open_at(AT_FDCWD, options.cidfile.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644),
            "create the container ID file ", options.cidfile);
  check(sys::write_all(file.get(), id), "write ", options.cidfile);
}

// A fresh writable layer over those of the image. Volatile: it is thrown away at the end, so syncs are vain.
RootedDir mount_rootfs(const image::Image& image, const ContainerDir& dir) {
  rootfs::OverlayOptions overlay{.lowers = image.layer_dirs,
                                 .upper = dir.file("upper"),
                                 .work = dir.file("work"),
                                 .target = dir.file("rootfs"),
                                 .volatile_upper = true};
  make_own_dirs(overlay.target, 0755);
  if (overlay.lowers.empty()) {  // an image without layers: FROM scratch and nothing else
    overlay.lowers.push_back(dir.file("empty"));
    make_own_dirs(overlay.lowers.front(), 0755);
  }
  rootfs::make_upper(overlay);
  rootfs::OverlayMount::mount(overlay).keep();
  return check(RootedDir::open_trusted(overlay.target.c_str()), "open ", overlay.target);
}

void add_devices(const RunOptions& options, SpecFacts& facts) {
  ChosenDevices chosen = options.security.privileged ? all_host_devices() : ChosenDevices{};
  ChosenDevices named = choose_devices(options.devices);
  facts.devices = std::move(chosen.devices);
  facts.devices.insert(facts.devices.end(), named.devices.begin(), named.devices.end());
  facts.device_rules = std::move(named.rules);
}

void add_seccomp_file(const RunOptions& options, SpecFacts& facts) {
  const std::string& path = options.security.seccomp;
  if (path == "builtin" || path == "unconfined") return;
  const json::Value document = json::parse(read_file(AT_FDCWD, path, kMostProfile), path);
  facts.seccomp_file = read_seccomp_profile(
      document, path, choose_capabilities(options.security, facts.available_capabilities), facts.kernel);
}

SpecFacts facts_of_machine(const RunOptions& options, const ContainerDir& dir) {
  SpecFacts facts{.id = dir.record().id, .rootfs = dir.file("rootfs")};
  facts.host_hostname = host_name();
  facts.available_capabilities = available_capabilities();
  facts.hard_limits = hard_limits(facts.available_capabilities);
  facts.kernel = running_kernel();
  facts.swap_limits = has_swap_limits();
  facts.console_size = ContainerStdio::console_size();
  add_devices(options, facts);
  add_seccomp_file(options, facts);
  return facts;
}

// Reads and prepares what the image has a say in; every path is resolved below the container's root.
void add_rootfs_facts(const Launch& launch, const image::Image& image, const ContainerDir& dir,
                      const RootedDir& rootfs, SpecFacts& facts) {
  const RunOptions& options = launch.options;
  const std::string& user = options.user.empty() ? image.config.config.user : options.user;
  facts.user = resolve_user(user, options.extra_groups, read_accounts(rootfs));
  facts.volumes = prepare_volumes({.image = image.config,
                                   .options = options,
                                   .store_root = launch.config.storage_root,
                                   .container_dir = dir.path(),
                                   .rootfs = rootfs});
  const std::string cwd = working_directory(image.config, options);
  if (cwd != "/") check(rootfs.make_dirs(cwd.c_str(), 0755), "create the working directory ", printable(cwd));
  if (options.init) {
    // A copy of its own: a container that gets write access to it harms nobody else (CVE-2019-5736).
    write_file_atomic(dir.fd(), "init", reaper_program(), 0555, Durability::kRename);
    facts.init_file = dir.file("init");
  }
}

void write_bundle(const Launch& launch, const image::Image& image, const ContainerDir& dir,
                  const SpecFacts& facts) {
  const ContainerSpec made = spec_from_image(image.config, launch.options, facts);
  for (const std::string& warning : made.warnings) launch.say(cat("warning: ", warning));
  write_file_atomic(dir.fd(), "config.json", json::dump(oci::encode_spec(made.spec)), 0600,
                    Durability::kRename);
}

// Who pressed Ctrl-C while things were being prepared does not want them any more. Passed on now, the signal
// would be lost: PID 1 has no handlers before its program has started.
std::optional<int> interrupted(runtime::SignalQueue& signals) {
  while (const std::optional<int> signal = signals.next()) {
    for (const int interrupt : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
      if (*signal == interrupt) return signal;
    }
  }
  return std::nullopt;
}

// create, start, and stay until the end.
int run_bundle(const Launch& launch, const ContainerDir& dir, net::NetAttachment& network,
               runtime::SignalQueue& signals) {
  const runtime::Ref container{.root = launch.config.state_root, .id = dir.record().id};
  ContainerStdio stdio(launch.options);
  runtime::CreateOptions create{.container = container, .bundle = dir.path()};
  create.console_fd = stdio.console_socket();
  for (const int number : {0, 1, 2}) create.stdio[number] = stdio.fd(number);
  net::LoopbackForwarder forwarder(network.take_reservations(), network.addresses());

  Child init = runtime::create(create);
  Monitor monitor({.init = init,
                   .signals = signals,
                   .stdio = stdio,
                   .forwarder = forwarder,
                   .ports = network.ports(),
                   .reaper = launch.options.init,
                   .hints = launch.options.hints,
                   .say = launch.say});
  stdio.attach(monitor.loop());
  if (const std::optional<int> signal = interrupted(signals)) return 128 + *signal;
  runtime::start(container);
  const sys::Exit exit = monitor.wait();
  stdio.finish();
  return exit.shell_code();
}

void explain_oom(const Launch& launch, const ContainerRecord& record) {
  if (!launch.options.hints || oom_kills(record.cgroup_path) == 0) return;
  const std::string limit =
      launch.options.limits.memory ? cat(" of ", *launch.options.limits.memory, " bytes (-m)") : "";
  launch.say(
      cat("hint: the kernel killed a process of this container because it reached its memory limit", limit));
}

}  // namespace

int launch(const Config& config, const RunOptions& options, const Say& say) {
  const Launch launch{config, options, say};
  runtime::SignalQueue signals;
  const std::vector<net::PortMapping> ports = requested_ports(config, options, say);
  const image::Store store = image::Store::open(config.storage_root);
  collect_abandoned(config, say);
  const image::Image image = find_image(launch, store);

  // Before anything is on record: what refers to a state root that cannot be could never be taken down again.
  with_context("prepare the state root", [&] { (void)make_own_dirs(config.state_root, 0700); });
  const LaunchedContainer container(reserve(launch, image), config, say);
  const ContainerDir& dir = container.dir();
  SpecFacts facts = facts_of_machine(options, dir);
  {
    const RootedDir rootfs = mount_rootfs(image, dir);
    add_rootfs_facts(launch, image, dir, rootfs, facts);
  }
  net::NetAttachment network = connect(config, options, dir.record().id, ports);
  for (const std::string& warning : network.warnings()) say(cat("warning: ", warning));
  facts.netns_path = network.netns_path();
  write_name_files(options, dir, network, say, facts);
  write_bundle(launch, image, dir, facts);
  write_cidfile(options, dir.record().id);

  const int code = run_bundle(launch, dir, network, signals);
  explain_oom(launch, dir.record());
  return code;
}

}  // namespace crunlite::engine
