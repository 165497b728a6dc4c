// SPDX-License-Identifier: Apache-2.0
#include "cmd/caller_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace crunlite::cmd {
namespace {

// The first line of every file that is ours alone. Without it a file is somebody else's and stays as it is.
constexpr std::string_view kMark = "# Written by `crun-lite install`";
constexpr std::string_view kContainerdMain = "/etc/containerd/config.toml";
constexpr std::string_view kContainerdDropIns = "/etc/containerd/conf.d/*.toml";

std::string heading(std::string_view caller) {
  return cat(kMark, " --for ", caller, "; say that again rather than change it here.\n");
}

// A basic string of TOML 1.0 has the escapes of JSON.
std::string quoted(const std::string& text) {
  return json::dump(json::Value(text));
}

using Files = std::vector<CallerFile>;

struct Request {
  std::string_view caller;
  std::string path;
  const CallerOptions& options;
  const ExistingFile& existing;
};

// A file of our own: absent, or written by us before.
Files own_file(const Request& request, const std::string& content) {
  const std::optional<std::string> old = request.existing(request.path);
  if (old && !old->starts_with(kMark)) {
    throw Error(ErrorKind::kExists, request.path, " is there and was not written by crun-lite")
        .with_remedy(cat("add the lines of `crun-lite install --for ", request.caller,
                         "` to it by hand, or name another place with --file"));
  }
  return {{.path = request.path, .content = heading(request.caller) + content}};
}

// containers.conf(5). The lists there replace the built-in ones, so the names that were in those are
// repeated. The manual calls the last one runtime_supports_nocgroups, which podman does not read.
Files containers_conf(const Request& buildah_or_podman) {
  Request request = buildah_or_podman;
  request.caller = "podman";  // one file for both: it must not change with the last who asked
  std::string text = "[engine]\n";
  if (request.options.make_default) text += "runtime = \"crun-lite\"\n";
  text +=
      "# Errors as JSON in the log file, and containers without cgroups, are asked of these only.\n"
      "runtime_supports_json = [\"crun\", \"runc\", \"kata\", \"runsc\", \"youki\", \"krun\", "
      "\"crun-lite\"]\n"
      "runtime_supports_nocgroup = [\"crun\", \"krun\", \"crun-lite\"]\n"
      "\n[engine.runtimes]\n";
  return own_file(request, cat(text, "crun-lite = [", quoted(request.options.runtime), "]\n"));
}

[[noreturn]] void refuse_member(const std::string& path, std::string_view pointer, const json::Value& value) {
  throw Error(ErrorKind::kConfig, path, ": ", pointer, ": expected object, found ", value.type_name());
}

// The object that is the member `key`, made if it is not there.
json::Object object_at(const json::Object& parent, std::string_view key, const std::string& path,
                       const std::string& pointer) {
  const json::Value* member = parent.find(key);
  if (!member || member->is_null()) return {};
  if (const json::Object* object = member->if_object()) return *object;
  refuse_member(path, pointer, *member);
}

json::Object daemon_json_of(const Request& request) {
  const std::string text = request.existing(request.path).value_or("");
  if (trim(text).empty()) return {};  // dockerd takes an empty file for an empty object
  const json::Value document = json::parse(text, request.path);
  if (const json::Object* object = document.if_object()) return *object;
  refuse_member(request.path, "/", document);
}

// dockerd's configuration file, https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file. One
// file for everything: all that is in it stays, in its order.
Files daemon_json(const Request& request) {
  json::Object document = daemon_json_of(request);
  json::Object runtimes = object_at(document, "runtimes", request.path, "/runtimes");
  json::Object ours = object_at(runtimes, "crun-lite", request.path, "/runtimes/crun-lite");
  // A runtime with a type is a shim of containerd's and must not have a path.
  ours.erase("runtimeType");
  ours.set("path", request.options.runtime);
  runtimes.set("crun-lite", std::move(ours));
  document.set("runtimes", std::move(runtimes));
  if (request.options.make_default) document.set("default-runtime", "crun-lite");
  return {{.path = request.path,
           .content = json::dump(json::Value(std::move(document)), json::Style::kIndented) + "\n"}};
}

// What stands behind `key =` on a line; nothing when that is not what the line sets.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  std::string_view rest = trim(line);
  const bool is_quoted = rest.starts_with('"') || rest.starts_with('\'');
  if (is_quoted) rest.remove_prefix(1);
  if (!rest.starts_with(key)) return std::nullopt;
  rest.remove_prefix(key.size());
  if (is_quoted && !rest.empty()) rest.remove_prefix(1);
  rest = trim(rest);
  if (!rest.starts_with('=')) return std::nullopt;
  return trim(rest.substr(1));
}

// The value of a key of TOML's top table, which ends where the first other table begins.
std::optional<std::string_view> top_value(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).starts_with('[')) break;
    if (const std::optional<std::string_view> value = value_of(line, key)) return value;
  }
  return std::nullopt;
}

// Of containerd's configuration; a file that does not say is in the first one.
unsigned format_of(std::string_view text) {
  const std::string_view value = top_value(text, "version").value_or("1");
  return parse_number<unsigned>(value.substr(0, value.find_first_not_of("0123456789"))).value_or(1);
}

// What containerd must be told so that it reads the drop-ins; nothing when it has been.
std::optional<CallerFile> containerd_main(const ExistingFile& existing) {
  const std::string path(kContainerdMain);
  const std::string imports = cat("imports = [\"", kContainerdDropIns, "\"]\n");
  const std::optional<std::string> old = existing(path);
  if (!old || trim(*old).empty())
    return CallerFile{.path = path, .content = cat(heading("containerd"), "version = 2\n", imports)};
  if (format_of(*old) < 2) {
    throw Error(ErrorKind::kUnsupported, path,
                " is in containerd's first format, which imports nothing newer")
        .with_remedy(
            "bring it to version = 2 (`containerd config migrate`), or add the printed lines by hand");
  }
  if (!top_value(*old, "imports")) return CallerFile{.path = path, .content = imports + *old};
  if (old->find(cat('"', kContainerdDropIns, '"')) != std::string::npos) return std::nullopt;
  throw Error(ErrorKind::kExists, path, " has imports of its own")
      .with_remedy(cat("add \"", kContainerdDropIns, "\" to them"));
}

// containerd's CRI plug-in; version 2 of the format is read by containerd 1.3 up to 2.x.
Files containerd_toml(const Request& request) {
  constexpr std::string_view kCri = "[plugins.\"io.containerd.grpc.v1.cri\".containerd";
  std::string text = "version = 2\n\n";
  if (request.options.make_default) text += cat(kCri, "]\ndefault_runtime_name = \"crun-lite\"\n\n");
  text += cat(kCri, ".runtimes.crun-lite]\nruntime_type = \"io.containerd.runc.v2\"\n\n");
  text += cat(kCri, ".runtimes.crun-lite.options]\nBinaryName = ", quoted(request.options.runtime), "\n");
  if (request.options.systemd_cgroup) text += "SystemdCgroup = true\n";
  Files files = own_file(request, text);
  // Whoever names the file knows how containerd comes to read it.
  if (!request.options.file.empty()) return files;
  if (std::optional<CallerFile> main = containerd_main(request.existing)) files.push_back(std::move(*main));
  return files;
}

// buildkitd knows one runtime, so it is the default either way.
Files buildkitd_toml(const Request& request) {
  return own_file(request, cat("[worker.oci]\nbinary = ", quoted(request.options.runtime), "\n"));
}

Files crio_conf(const Request& request) {
  std::string text;
  if (request.options.make_default) text += "[crio.runtime]\ndefault_runtime = \"crun-lite\"\n\n";
  text += cat("[crio.runtime.runtimes.crun-lite]\nruntime_path = ", quoted(request.options.runtime),
              "\nruntime_type = \"oci\"\nruntime_root = \"/run/crun-lite\"\n");
  return own_file(request, text);
}

Files runtime_class(const Request& request) {
  if (request.options.make_default) {
    throw Error(ErrorKind::kUsage, "crun-lite install: Kubernetes has no default runtime class")
        .with_remedy("make crun-lite the default of the nodes: --for containerd or crio, with --default");
  }
  return own_file(request,
                  "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: crun-lite\n"
                  "handler: crun-lite\n");
}

struct Caller {
  std::string_view name;
  std::string_view path;
  Files (*files)(const Request&);
  std::string_view next;
};

constexpr std::string_view kContainersConf = "/etc/containers/containers.conf.d/crun-lite.conf";

constexpr Caller kCallers[] = {
    {"podman", kContainersConf, containers_conf, "nothing to restart; try: podman --runtime crun-lite run …"},
    {"buildah", kContainersConf, containers_conf,
     "nothing to restart; try: buildah bud --isolation oci --runtime crun-lite …"},
    {"docker", "/etc/docker/daemon.json", daemon_json,
     "then: systemctl reload docker, or SIGHUP to dockerd; try: docker run --runtime crun-lite …"},
    {"containerd", "/etc/containerd/conf.d/crun-lite.toml", containerd_toml,
     "then: systemctl restart containerd; pods ask for it by runtime class (--for kubernetes), and ctr needs "
     "none "
     "of this: ctr run --runc-binary PATH …"},
    {"buildkit", "/etc/buildkit/buildkitd.toml", buildkitd_toml, "then: restart buildkitd"},
    {"crio", "/etc/crio/crio.conf.d/10-crun-lite.conf", crio_conf,
     "then: systemctl restart crio; pods ask for it by runtime class (--for kubernetes)"},
    {"kubernetes", "/etc/crun-lite/runtimeclass.yaml", runtime_class,
     "then: kubectl apply -f that file; a pod asks for it with runtimeClassName: crun-lite, on nodes set up "
     "with "
     "--for containerd or crio"},
};

}  // namespace

std::vector<std::string> caller_names() {
  std::vector<std::string> names;
  for (const Caller& caller : kCallers) names.emplace_back(caller.name);
  return names;
}

CallerSetup setup_of(std::string_view name, const CallerOptions& options, const ExistingFile& existing) {
  const auto caller = std::ranges::find(kCallers, name, &Caller::name);
  if (caller == std::end(kCallers)) {
    throw Error(ErrorKind::kUsage, "crun-lite install: unknown caller ", quote(name))
        .with_remedy(cat("--for takes ", join(caller_names(), ", ")));
  }
  if (options.systemd_cgroup && caller->files != containerd_toml) {
    throw Error(ErrorKind::kUsage, "crun-lite install: --systemd-cgroup is for containerd; ", name,
                " says it once for all its runtimes");
  }
  const std::string path = options.file.empty() ? std::string(caller->path) : options.file;
  const Request request{.caller = caller->name, .path = path, .options = options, .existing = existing};
  return {.files = caller->files(request), .next = std::string(caller->next)};
}

}  // namespace crunlite::cmd
