// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/devices.rst.
#include "runtime/cgroup/devices.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

struct DefaultDevice {
  char type = 'a';
  std::optional<int64_t> major;
  std::optional<int64_t> minor;
  const char* access = "";
};
constexpr DefaultDevice kDefaultDevices[] = {
    {'c', std::nullopt, std::nullopt, "m"},
    {'b', std::nullopt, std::nullopt, "m"},
    {'c', 1, 3, "rwm"},               // null
    {'c', 1, 5, "rwm"},               // zero
    {'c', 1, 7, "rwm"},               // full
    {'c', 1, 8, "rwm"},               // random
    {'c', 1, 9, "rwm"},               // urandom
    {'c', 5, 0, "rwm"},               // tty
    {'c', 5, 1, "rwm"},               // console
    {'c', 5, 2, "rwm"},               // ptmx
    {'c', 136, std::nullopt, "rwm"},  // pts/*
};

enum Access : unsigned { kRead = 1, kWrite = 2, kMknod = 4, kAll = 7 };

unsigned access_bits(const oci::DeviceRule& rule) {
  if (rule.access.empty()) return kAll;
  unsigned bits = 0;
  for (const char c : rule.access) bits |= c == 'r' ? kRead : c == 'w' ? kWrite : c == 'm' ? kMknod : 0u;
  return bits;
}

// A number below 0 means "any", as podman and docker write it.
std::optional<int64_t> number(const std::optional<int64_t>& value) {
  return value && *value >= 0 ? value : std::nullopt;
}

struct Devices {
  char type = 'c';
  std::optional<int64_t> major;
  std::optional<int64_t> minor;
  bool operator==(const Devices&) const = default;
};

bool covers(const Devices& wide, const Devices& narrow) {
  return wide.type == narrow.type && (!wide.major || wide.major == narrow.major) &&
         (!wide.minor || wide.minor == narrow.minor);
}

bool overlap(const Devices& a, const Devices& b) {
  const auto meet = [](const std::optional<int64_t>& x, const std::optional<int64_t>& y) {
    return !x || !y || x == y;
  };
  return a.type == b.type && meet(a.major, b.major) && meet(a.minor, b.minor);
}

std::string text(const Devices& devices, unsigned bits) {
  const auto show = [](const std::optional<int64_t>& n) { return n ? cat(*n) : std::string("*"); };
  return cat(devices.type, ' ', show(devices.major), ":", show(devices.minor), " ", bits & kRead ? "r" : "",
             bits & kWrite ? "w" : "", bits & kMknod ? "m" : "");
}

// What v1 can hold: one answer for everything, and exceptions from it that do not contradict each other.
class PolicyV1 {
 public:
  struct Exception {
    Devices devices;
    unsigned bits;
  };

  void add(const oci::DeviceRule& rule) {
    const unsigned bits = access_bits(rule);
    const std::optional<int64_t> major = number(rule.major);
    const std::optional<int64_t> minor = number(rule.minor);
    if (rule.type == 'a' && !major && !minor && bits == kAll) {
      allow_by_default_ = rule.allow;
      exceptions_.clear();
      return;
    }
    for (const char type : {'b', 'c'}) {
      if (rule.type != 'a' && rule.type != type) continue;
      const Devices devices{.type = type, .major = major, .minor = minor};
      if (rule.allow == allow_by_default_) {
        remove(devices, bits);
      } else {
        insert(devices, bits);
      }
    }
  }

  Settings settings(std::string_view present) const {
    const std::optional<std::vector<Exception>> before = listed(present);
    if (before && !allow_by_default_) return difference(*before);
    Settings out;
    // "a" resets the list whatever it was, also on update.
    out.push_back({allow_by_default_ ? "devices.allow" : "devices.deny", "a"});
    for (const Exception& exception : exceptions_) {
      out.push_back(
          {allow_by_default_ ? "devices.deny" : "devices.allow", text(exception.devices, exception.bits)});
    }
    return out;
  }

 private:
  // The exceptions of a list that denies everything else; nothing when it allows everything ("a *:* rwm"),
  // because then the kernel does not show them.
  static std::optional<std::vector<Exception>> listed(std::string_view present) {
    std::vector<Exception> out;
    for (const std::string_view line : split(present, '\n')) {
      if (trim(line).empty()) continue;
      const std::vector<std::string_view> words = split(trim(line), ' ');
      if (words.size() != 3 || (words[0] != "b" && words[0] != "c")) return std::nullopt;
      const std::vector<std::string_view> numbers = split(words[1], ':');
      if (numbers.size() != 2) return std::nullopt;
      out.push_back({{.type = words[0][0],
                      .major = parse_number<int64_t>(numbers[0]),
                      .minor = parse_number<int64_t>(numbers[1])},
                     access_bits({.access = std::string(words[2])})});
    }
    if (out.empty()) return std::nullopt;  // new, or denies everything: nothing to keep
    return out;
  }

  Settings difference(const std::vector<Exception>& before) const {
    const auto bits_of = [](const std::vector<Exception>& list, const Devices& devices) {
      unsigned bits = 0;
      for (const Exception& exception : list)
        if (exception.devices == devices) bits |= exception.bits;
      return bits;
    };
    // The taking first: a device that a wider rule covers from now on is given back by that rule.
    Settings out;
    for (const Exception& old : before) {
      if (const unsigned gone = old.bits & ~bits_of(exceptions_, old.devices))
        out.push_back({"devices.deny", text(old.devices, gone)});
    }
    for (const Exception& wanted : exceptions_) {
      if (const unsigned added = wanted.bits & ~bits_of(before, wanted.devices))
        out.push_back({"devices.allow", text(wanted.devices, added)});
    }
    return out;
  }

  void insert(const Devices& devices, unsigned bits) {
    for (Exception& known : exceptions_) {
      if (known.devices == devices) {
        known.bits |= bits;
        return;
      }
    }
    exceptions_.push_back({devices, bits});
  }

  void remove(const Devices& devices, unsigned bits) {
    for (Exception& known : exceptions_) {
      if (!(known.bits & bits) || !overlap(known.devices, devices)) continue;
      // The kernel would take the write and change nothing: more would be open than was asked for.
      if (!covers(devices, known.devices))
        throw Error(ErrorKind::kUnsupported, "linux.resources.devices: cgroup v1 cannot ",
                    allow_by_default_ ? "allow " : "deny ", quote(text(devices, bits)), " after ",
                    quote(text(known.devices, known.bits)))
            .with_remedy("put the narrower rule first, or list the devices one by one");
      known.bits &= ~bits;
    }
    std::erase_if(exceptions_, [](const Exception& exception) { return exception.bits == 0; });
  }

  bool allow_by_default_ = false;
  std::vector<Exception> exceptions_;
};

}  // namespace

std::vector<oci::DeviceRule> with_default_devices(std::vector<oci::DeviceRule> rules) {
  for (const DefaultDevice& device : kDefaultDevices) {
    rules.push_back({.allow = true,
                     .type = device.type,
                     .major = device.major,
                     .minor = device.minor,
                     .access = device.access});
  }
  return rules;
}

Settings device_settings_v1(const std::vector<oci::DeviceRule>& rules, std::string_view present) {
  PolicyV1 policy;
  for (const oci::DeviceRule& rule : rules) policy.add(rule);
  return policy.settings(present);
}

}  // namespace crunlite::runtime
