// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_driver.h"

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sys.h"

namespace crunlite::runtime {
namespace {

constexpr size_t kMostReply = 1u << 20;
constexpr const char* kBooted = "/run/systemd/system";  // sd_booted(3)

Error unreachable(const SystemdAccess& access, const std::string& why) {
  Error error(ErrorKind::kUnsupported, "the ", access.user ? "user's " : "",
              "systemd manager cannot be reached (", why, ")");
  error.with_remedy(
      access.user ? "XDG_RUNTIME_DIR has to name the directory with the user's bus, and the user's manager "
                    "has to run (`loginctl enable-linger`); or leave out --systemd-cgroup"
                  : "systemd has to be process 1, with a system bus; or leave out --systemd-cgroup, or use "
                    "--cgroup-manager cgroupfs");
  return error;
}

UniqueFd request_file(const UnitRequest& request) {
  UniqueFd file = check(sys::memfd_create("request", 0), "make a request for systemd");
  const std::string text = encode_request(request);
  // Not write(2): the reader begins where the offset is.
  const size_t done =
      check(sys::pwrite(file.get(), text.data(), text.size(), 0), "make a request for systemd");
  if (done != text.size()) throw Error(ErrorKind::kSystem, "make a request for systemd: short write");
  return file;
}

UnitReply ask(const SystemdAccess& access, UnitRequest request) {
  require_booted(access);
  request.addresses = access.addresses;
  const UniqueFd input = request_file(request);
  sys::PipeEnds output = check(sys::pipe(), "make a pipe for systemd's answer");
  Child helper = spawn({.path = access.helper,
                        .args = {"crun-lite-systemd"},
                        .env = {},
                        .stdin_fd = input.get(),
                        .stdout_fd = output.write.get()});
  output.write.reset();
  const std::string answer = read_fd(output.read.get(), "the answer of crun-lite-systemd", kMostReply);
  const sys::Exit exit = helper.wait();
  if (answer.empty())
    throw Error(ErrorKind::kSystem, access.helper, " ended without an answer, ",
                exit.code == CLD_EXITED ? "with exit status " : "killed by signal ", exit.status);
  UnitReply reply = decode_reply(answer);
  if (reply.unreachable) throw unreachable(access, reply.error);
  return reply;
}

UnitReply ask_about(const SystemdUnit& unit, std::string_view what, UnitRequest request) {
  request.unit = unit.name;
  UnitReply reply = ask(unit.access, std::move(request));
  if (!reply.error.empty())
    throw Error(reply.exists ? ErrorKind::kExists : ErrorKind::kSystem, what, " systemd unit ", unit.name,
                ": ", reply.error);
  return reply;
}

}  // namespace

void require_booted(const SystemdAccess& access) {
  if (access.user || sys::stat_at(AT_FDCWD, kBooted, 0).ok()) return;
  throw Error(
      ErrorKind::kUnsupported,
      "the systemd cgroup manager is asked for, and process 1 of this machine is not systemd (there is "
      "no ",
      kBooted, ")")
      .with_remedy("leave out --systemd-cgroup, or use --cgroup-manager cgroupfs");
}

std::string manager_cgroup(const SystemdAccess& access) {
  const UnitReply reply = ask(access, {.operation = UnitOperation::kManager});
  if (!reply.error.empty()) throw unreachable(access, reply.error);
  return reply.cgroup == "/" ? "" : reply.cgroup;
}

std::string start_unit(const SystemdUnit& unit, pid_t pid, std::vector<UnitProperty> properties) {
  properties.push_back({"PIDs", "au", json::Array{pid}});
  return ask_about(unit, "start", {.operation = UnitOperation::kStart, .properties = std::move(properties)})
      .cgroup;
}

void set_unit_properties(const SystemdUnit& unit, std::vector<UnitProperty> properties) {
  (void)ask_about(unit, "change", {.operation = UnitOperation::kSet, .properties = std::move(properties)});
}

void attach_to_unit(const SystemdUnit& unit, pid_t pid, const std::string& inside) {
  (void)ask_about(unit, cat("move process ", pid, " into"),
                  {.operation = UnitOperation::kAttach, .pid = pid, .inside = inside});
}

void stop_unit(const SystemdUnit& unit) {
  (void)ask_about(unit, "stop", {.operation = UnitOperation::kStop, .slice = unit.slice});
}

}  // namespace crunlite::runtime
