// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_agent.h"

#include "base/error.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/unix_socket.h"

namespace crunlite::runtime {
namespace {

// config-linux.md, The Container Process State. The name of the one descriptor that goes along.
json::Object process_state(const oci::State& state, pid_t pid, const std::string& metadata) {
  json::Object out{
      {"ociVersion", state.oci_version}, {"fds", json::Array{json::Value("seccompFd")}}, {"pid", pid}};
  if (!metadata.empty()) out.add("metadata", metadata);
  out.add("state", oci::encode_state(state));
  return out;
}

std::string receiver_of(const std::optional<oci::Seccomp>& profile, const oci::Annotations& annotations) {
  if (profile && !profile->listener_path.empty()) return profile->listener_path;
  std::string path = oci::annotation(annotations, oci::kSeccompReceiver);
  if (!path.empty() && !path.starts_with('/'))
    throw Error(ErrorKind::kConfig, "annotation ", oci::kSeccompReceiver, ": must be an absolute path, is ",
                quote(path));
  return path;
}

SeccompAgent connect_agent(const std::optional<oci::Seccomp>& profile, const oci::Annotations& annotations) {
  const std::string path = receiver_of(profile, annotations);
  if (path.empty())
    throw Error(ErrorKind::kConfig,
                "linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath: nobody would answer for the calls");
  return SeccompAgent(path, profile ? profile->listener_metadata : "");
}

}  // namespace

SeccompAgent::SeccompAgent(const std::string& path, std::string metadata) : metadata_(std::move(metadata)) {
  socket_ = with_context("failed to connect with seccomp agent",
                         [&] { return connect_unix(path, SOCK_STREAM, "listenerPath"); });
}

void SeccompAgent::hand_over(const oci::State& state, pid_t pid, UniqueFd listener) {
  const UniqueFd socket = std::move(socket_);
  const std::string document = json::dump(process_state(state, pid, metadata_));
  // In one message: runc's agent reads once.
  check(sys::send_with_fd(socket.get(), document.data(), document.size(), listener.get()),
        "send the container process state to the seccomp agent");
  // The child has a copy of our end until it executes its program: closing ours alone would not be the end of
  // the connection, and an agent that waits for that would never answer for the child's calls.
  (void)::shutdown(socket.get(), SHUT_RDWR);
}

ProcessSeccomp seccomp_for(const std::optional<oci::Seccomp>& profile, const oci::Annotations& annotations,
                           const std::string& cache_dir) {
  ProcessSeccomp out;
  if (const std::string bpf = oci::annotation(annotations, oci::kSeccompBpfData); !bpf.empty()) {
    out.program = seccomp_from_bpf(bpf);
    out.sendmsg_is_notified = true;  // nobody knows
  } else if (profile) {
    if (oci::switched_on(annotations, oci::kSeccompFailUnknown)) require_known_calls(*profile);
    out.program = compile_seccomp_cached(*profile, cache_dir);
    out.sendmsg_is_notified = notifies(*profile, "sendmsg");
  } else {
    return out;
  }
  log::debug(cat("seccomp filter flags: ", out.program.flags | out.program.notifying_flags));
  if (!out.program.notifying.empty()) out.agent = connect_agent(profile, annotations);
  return out;
}

}  // namespace crunlite::runtime
