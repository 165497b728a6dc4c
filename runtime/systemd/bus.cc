// SPDX-License-Identifier: Apache-2.0
// org.freedesktop.systemd1(5), sd-bus(3).
#include "runtime/systemd/bus.h"

#include <systemd/sd-bus.h>

#include <chrono>
#include <functional>
#include <memory>

#include "base/error.h"
#include "runtime/systemd/message.h"

namespace crunlite::runtime {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kScope = "org.freedesktop.systemd1.Scope";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
// A manager that reloads answers late; one that has not answered for this long will not.
constexpr std::chrono::seconds kPatience{30};

struct BusCloser {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
struct MessageCloser {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
struct SlotCloser {
  void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using Message = std::unique_ptr<sd_bus_message, MessageCloser>;

class BusError {
 public:
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error_); }
  sd_bus_error* get() { return &error_; }
  bool is(const char* name) const { return sd_bus_error_has_name(&error_, name) != 0; }
  std::string text(int result) const {
    if (!error_.name) return std::string(error_text(-result));
    return error_.message ? std::string(error_.message) : std::string(error_.name);
  }

 private:
  sd_bus_error error_{};
};

void require(int result, std::string_view what) {
  if (result < 0) throw SysError(-result, what);
}

class Unreachable : public Error {
 public:
  explicit Unreachable(const std::string& why) : Error(ErrorKind::kUnsupported, why) {}
};

class Manager {
 public:
  explicit Manager(const std::vector<std::string>& addresses) {
    std::string why;
    for (const std::string& address : addresses) {
      const int result = connect(address);
      if (result >= 0) return;
      why += cat(why.empty() ? "" : "; ", address, ": ", error_text(-result));
    }
    throw Unreachable(why.empty() ? "no address of systemd is known" : why);
  }

  std::string cgroup() { return property(kManagerPath, kManager, "ControlGroup"); }

  std::string start(const UnitRequest& request) {
    await_jobs();
    BusError error;
    std::string job = try_start(request, error);
    if (job.empty() && error.is("org.freedesktop.systemd1.UnitExists")) {
      // The unit of a container that failed stays until somebody takes note of it.
      reset_failed(request.unit);
      BusError again;
      job = try_start(request, again);
      if (job.empty()) throw Error(ErrorKind::kExists, again.text(-EEXIST));
    }
    if (job.empty()) throw Error(ErrorKind::kSystem, error.text(-EIO));
    wait_for(job, "start");
    const std::string path = find(request.unit);
    if (path.empty()) throw Error(ErrorKind::kSystem, "the unit ended at once");
    return property(path.c_str(), kScope, "ControlGroup");
  }

  void set(const UnitRequest& request) {
    Message call = new_call("SetUnitProperties");
    require(sd_bus_message_append(call.get(), "sb", request.unit.c_str(), 1), "make a message");
    append_properties(call.get(), request.properties);
    (void)send(call);
  }

  void attach(const UnitRequest& request) {
    Message call = new_call("AttachProcessesToUnit");
    require(sd_bus_message_append(call.get(), "ssau", request.unit.c_str(), request.inside.c_str(), 1,
                                  static_cast<uint32_t>(request.pid)),
            "make a message");
    (void)send(call);
  }

  void stop(const UnitRequest& request) {
    // Ours may have ended by itself, and its name be another container's by now, elsewhere.
    const std::string path = find(request.unit);
    if (path.empty() || property(path.c_str(), kScope, "Slice") != request.slice) return;
    await_jobs();
    Message call = new_call("StopUnit");
    require(sd_bus_message_append(call.get(), "ss", request.unit.c_str(), "replace"), "make a message");
    BusError error;
    const Message answer = send(call, error);
    if (answer) {
      wait_for(object_path(answer), "stop");
    } else if (!error.is(kNoSuchUnit)) {
      throw Error(ErrorKind::kSystem, error.text(-EIO));
    }
    reset_failed(request.unit);
  }

 private:
  int connect(const std::string& address) {
    sd_bus* made = nullptr;
    require(sd_bus_new(&made), "make a bus connection");
    bus_.reset(made);
    direct_ = address.ends_with("/systemd/private");
    int result = sd_bus_set_address(made, address.c_str());
    if (result >= 0) result = sd_bus_set_bus_client(made, direct_ ? 0 : 1);
    if (result >= 0) result = sd_bus_start(made);
    if (result >= 0) result = sd_bus_set_method_call_timeout(made, patience_us());
    // A daemon's greeting shows that it lets us in; systemd itself greets nobody.
    const char* name = nullptr;
    if (result >= 0 && !direct_) result = sd_bus_get_unique_name(made, &name);
    return result;
  }

  static uint64_t patience_us() {
    return static_cast<uint64_t>(std::chrono::microseconds(kPatience).count());
  }

  // On systemd's own socket nobody has a name.
  const char* service() const { return direct_ ? nullptr : kService; }

  Message new_call(const char* method) {
    sd_bus_message* made = nullptr;
    require(sd_bus_message_new_method_call(bus_.get(), &made, service(), kManagerPath, kManager, method),
            "make a message");
    return Message(made);
  }

  Message send(const Message& call, BusError& error) {
    sd_bus_message* answer = nullptr;
    const int result = sd_bus_call(bus_.get(), call.get(), patience_us(), error.get(), &answer);
    if (result < 0 && !error.get()->name) sd_bus_error_set_errno(error.get(), result);
    return Message(answer);
  }

  Message send(const Message& call) {
    BusError error;
    Message answer = send(call, error);
    if (!answer) throw Error(ErrorKind::kSystem, error.text(-EIO));
    return answer;
  }

  static std::string object_path(const Message& answer) {
    const char* path = nullptr;
    require(sd_bus_message_read(answer.get(), "o", &path), "read systemd's answer");
    return path;
  }

  std::string property(const char* path, const char* interface, const char* name) {
    BusError error;
    char* value = nullptr;
    const int result =
        sd_bus_get_property_string(bus_.get(), service(), path, interface, name, error.get(), &value);
    if (result < 0) throw Error(ErrorKind::kSystem, "read ", name, ": ", error.text(result));
    const std::unique_ptr<char, void (*)(void*)> owned(value, ::free);
    return value;
  }

  // Empty: there is no such unit.
  std::string find(const std::string& unit) {
    Message call = new_call("GetUnit");
    require(sd_bus_message_append(call.get(), "s", unit.c_str()), "make a message");
    BusError error;
    const Message answer = send(call, error);
    if (answer) return object_path(answer);
    if (!error.is(kNoSuchUnit)) throw Error(ErrorKind::kSystem, error.text(-EIO));
    return {};
  }

  std::string try_start(const UnitRequest& request, BusError& error) {
    Message call = new_call("StartTransientUnit");
    require(sd_bus_message_append(call.get(), "ss", request.unit.c_str(), "fail"), "make a message");
    append_properties(call.get(), request.properties);
    require(sd_bus_message_append(call.get(), "a(sa(sv))", 0), "make a message");
    const Message answer = send(call, error);
    return answer ? object_path(answer) : "";
  }

  void reset_failed(const std::string& unit) {
    Message call = new_call("ResetFailedUnit");
    require(sd_bus_message_append(call.get(), "s", unit.c_str()), "make a message");
    BusError ignored;  // it has not failed, or is gone, as it should be
    (void)send(call, ignored);
  }

  static int job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
    uint32_t id = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0)
      static_cast<Manager*>(self)->ended_.push_back({job, result});
    return 0;
  }

  // From here on no end of a job is missed. Without Subscribe the manager would keep its signals to itself.
  void await_jobs() {
    sd_bus_slot* slot = nullptr;
    require(sd_bus_match_signal(bus_.get(), &slot, service(), kManagerPath, kManager, "JobRemoved",
                                job_removed, this),
            "listen to systemd");
    jobs_.reset(slot);
    BusError ignored;
    (void)send(new_call("Subscribe"), ignored);
  }

  void wait_for(const std::string& job, std::string_view what) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      for (const Ended& ended : ended_) {
        if (ended.job != job) continue;
        if (ended.result == "done") return;
        throw Error(ErrorKind::kSystem, "systemd's job to ", what, " the unit ended as ",
                    quote(ended.result));
      }
      const int processed = sd_bus_process(bus_.get(), nullptr);
      require(processed, "listen to systemd");
      if (processed > 0) continue;
      const auto left =
          std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        throw Error(ErrorKind::kSystem, "systemd has not ended its job to ", what, " the unit within ",
                    kPatience.count(), " s");
      require(sd_bus_wait(bus_.get(), static_cast<uint64_t>(left.count())), "wait for systemd");
    }
  }

  struct Ended {
    std::string job;
    std::string result;
  };
  std::unique_ptr<sd_bus, BusCloser> bus_;
  std::unique_ptr<sd_bus_slot, SlotCloser> jobs_;  // after the bus: goes first
  bool direct_ = false;
  std::vector<Ended> ended_;
};

}  // namespace

UnitReply carry_out(const UnitRequest& request) {
  UnitReply reply;
  try {
    Manager manager(request.addresses);
    switch (request.operation) {
      case UnitOperation::kManager:
        reply.cgroup = manager.cgroup();
        break;
      case UnitOperation::kStart:
        reply.cgroup = manager.start(request);
        break;
      case UnitOperation::kSet:
        manager.set(request);
        break;
      case UnitOperation::kAttach:
        manager.attach(request);
        break;
      case UnitOperation::kStop:
        manager.stop(request);
        break;
    }
  } catch (const Unreachable& error) {
    reply = {.error = error.what(), .unreachable = true};
  } catch (const Error& error) {
    reply = {.error = error.what(), .exists = error.kind() == ErrorKind::kExists};
  }
  return reply;
}

}  // namespace crunlite::runtime
