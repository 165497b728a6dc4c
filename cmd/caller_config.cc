// SPDX-License-Identifier: Apache-2.0
#include "cmd/caller_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "cmd/containerd_config.h"

namespace crunlite::cmd {
namespace {

// The first line of every file that is ours alone. Without it a file is somebody else's and stays as it is.
constexpr std::string_view kMark = "# Written by `crun-lite install`";

std::string heading(std::string_view caller) {
  return cat(kMark, " --for ", caller, "; say that again rather than change it here.\n");
}

// A basic string of TOML 1.0 has the escapes of JSON.
std::string quoted(const std::string& text) {
  return json::dump(json::Value(text));
}

struct Request {
  std::string_view caller;
  std::string path;
  const CallerOptions& options;
  const ExistingFile& existing;
};

// A file of our own: absent, or written by us before.
std::string own_file(const Request& request, const std::string& content) {
  const std::optional<std::string> old = request.existing(request.path);
  if (old && !old->starts_with(kMark)) {
    throw Error(ErrorKind::kExists, request.path, " is there and was not written by crun-lite")
        .with_remedy(cat("add the lines of `crun-lite install --for ", request.caller,
                         "` to it by hand, or name another place with --file"));
  }
  return heading(request.caller) + content;
}

// The line that makes crun-lite the default: when it is asked for, and when it is there from an earlier time.
std::string default_line(const Request& request, const std::string& line) {
  const bool there =
      request.existing(request.path).value_or("").find(cat("\n", line, "\n")) != std::string::npos;
  return request.options.make_default || there ? line + "\n" : "";
}

// containers.conf(5). The lists there replace the built-in ones, so the names that were in those are
// repeated. The manual calls the last one runtime_supports_nocgroups, which podman does not read.
std::string containers_conf(const Request& buildah_or_podman) {
  Request request = buildah_or_podman;
  request.caller = "podman";  // one file for both: it must not change with the last who asked
  std::string text = "[engine]\n" + default_line(request, "runtime = \"crun-lite\"");
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
std::string daemon_json(const Request& request) {
  json::Object document = daemon_json_of(request);
  json::Object runtimes = object_at(document, "runtimes", request.path, "/runtimes");
  json::Object ours = object_at(runtimes, "crun-lite", request.path, "/runtimes/crun-lite");
  // A runtime with a type is a shim of containerd's and must not have a path.
  ours.erase("runtimeType");
  ours.set("path", request.options.runtime);
  runtimes.set("crun-lite", std::move(ours));
  document.set("runtimes", std::move(runtimes));
  if (request.options.make_default) document.set("default-runtime", "crun-lite");
  return json::dump(json::Value(std::move(document)), json::Style::kIndented) + "\n";
}

std::string containerd_toml(const Request& request) {
  return containerd_config(request.existing(request.path), request.path,
                           {.runtime = request.options.runtime,
                            .make_default = request.options.make_default,
                            .systemd_cgroup = request.options.systemd_cgroup});
}

// buildkitd knows one runtime, so it is the default either way.
std::string buildkitd_toml(const Request& request) {
  return own_file(request, cat("[worker.oci]\nbinary = ", quoted(request.options.runtime), "\n"));
}

std::string crio_conf(const Request& request) {
  const std::string text =
      cat("[crio.runtime]\n", default_line(request, "default_runtime = \"crun-lite\""),
          "\n[crio.runtime.runtimes.crun-lite]\nruntime_path = ", quoted(request.options.runtime),
          "\nruntime_type = \"oci\"\nruntime_root = \"/run/crun-lite\"\n");
  return own_file(request, text);
}

std::string runtime_class(const Request& request) {
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
  std::string (*content)(const Request&);
  std::string_view next;
};

constexpr std::string_view kContainersConf = "/etc/containers/containers.conf.d/crun-lite.conf";

constexpr Caller kCallers[] = {
    {"podman", kContainersConf, containers_conf, "nothing to restart; try: podman --runtime crun-lite run …"},
    {"buildah", kContainersConf, containers_conf,
     "nothing to restart; try: buildah bud --isolation oci --runtime crun-lite …"},
    {"docker", "/etc/docker/daemon.json", daemon_json,
     "then: systemctl reload docker, or SIGHUP to dockerd; try: docker run --runtime crun-lite …"},
    {"containerd", "/etc/containerd/config.toml", containerd_toml,
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
  if (options.systemd_cgroup && caller->content != containerd_toml) {
    throw Error(ErrorKind::kUsage, "crun-lite install: --systemd-cgroup is for containerd; ", name,
                " says it once for all its runtimes");
  }
  const std::string path = options.file.empty() ? std::string(caller->path) : options.file;
  const Request request{.caller = caller->name, .path = path, .options = options, .existing = existing};
  return {.path = path, .content = caller->content(request), .next = std::string(caller->next)};
}

}  // namespace crunlite::cmd
