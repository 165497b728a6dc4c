// SPDX-License-Identifier: Apache-2.0
#include "runtime/systemd/message.h"

#include <limits>
#include <utility>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

void require(int result, std::string_view what) {
  if (result < 0) throw SysError(-result, what);
}

class Writer {
 public:
  Writer(sd_bus_message* message, const std::string& property) : message_(message), property_(property) {}

  // One complete type from the front of `signature`, and the value for it.
  void write(std::string_view& signature, const json::Value& value) {
    if (signature.empty()) misfit("a type");
    const char type = signature.front();
    switch (type) {
      case 'a':
        return write_array(signature, value);
      case '(':
        return write_structure(signature, value);
      case 's':
      case 'o':
      case 'g':
        return write_string(type, signature, value);
      case 'b': {
        const bool* flag = value.if_bool();
        if (!flag) misfit("a boolean");
        return append<int>(type, signature, *flag ? 1 : 0);
      }
      case 'd':
        return append<double>(type, signature, floating(value));
      default:
        return write_integer(type, signature, value);
    }
  }

 private:
  [[noreturn]] void misfit(std::string_view wanted) const {
    throw Error(ErrorKind::kConfig, "the value of ", property_, " does not fit its type: ", wanted,
                " is needed");
  }

  template <class T>
  void append(char type, std::string_view& signature, T value) {
    signature.remove_prefix(1);
    require(sd_bus_message_append_basic(message_, type, &value), "put a value into a message");
  }

  void write_string(char type, std::string_view& signature, const json::Value& value) {
    const std::string* text = value.if_string();
    if (!text) misfit("a string");
    signature.remove_prefix(1);
    // Taken as it is, unlike the other basic types.
    require(sd_bus_message_append_basic(message_, type, text->c_str()), "put a string into a message");
  }

  double floating(const json::Value& value) const {
    if (const double* number = value.if_double()) return *number;
    if (const int64_t* number = value.if_int()) return static_cast<double>(*number);
    misfit("a number");
  }

  template <class T>
  void integer(char type, std::string_view& signature, const json::Value& value) {
    if (const int64_t* number = value.if_int()) {
      if (!std::in_range<T>(*number)) misfit("a number in its range");
      return append<T>(type, signature, static_cast<T>(*number));
    }
    const uint64_t* big = value.if_big();
    if (!big) misfit("an integer");
    if (!std::in_range<T>(*big)) misfit("a number in its range");
    append<T>(type, signature, static_cast<T>(*big));
  }

  void write_integer(char type, std::string_view& signature, const json::Value& value) {
    switch (type) {
      case 'y':
        return integer<uint8_t>(type, signature, value);
      case 'n':
        return integer<int16_t>(type, signature, value);
      case 'q':
        return integer<uint16_t>(type, signature, value);
      case 'i':
        return integer<int32_t>(type, signature, value);
      case 'u':
        return integer<uint32_t>(type, signature, value);
      case 'x':
        return integer<int64_t>(type, signature, value);
      case 't':
        return integer<uint64_t>(type, signature, value);
      default:
        misfit("one of the types y b n q i u x t d s o g");
    }
  }

  // The length of the complete type at the front.
  size_t length(std::string_view signature) const {
    if (signature.empty()) misfit("a type");
    if (signature.front() == 'a') return 1 + length(signature.substr(1));
    if (signature.front() != '(') return 1;
    size_t at = 1;
    while (at < signature.size() && signature[at] != ')') at += length(signature.substr(at));
    if (at >= signature.size()) misfit("a closed structure");
    return at + 1;
  }

  void write_array(std::string_view& signature, const json::Value& value) {
    const json::Array* elements = value.if_array();
    if (!elements) misfit("an array");
    const std::string element(signature.substr(1, length(signature.substr(1))));
    signature.remove_prefix(1 + element.size());
    require(sd_bus_message_open_container(message_, 'a', element.c_str()), "put an array into a message");
    for (const json::Value& each : *elements) {
      std::string_view type = element;
      write(type, each);
    }
    require(sd_bus_message_close_container(message_), "put an array into a message");
  }

  void write_structure(std::string_view& signature, const json::Value& value) {
    const json::Array* members = value.if_array();
    if (!members) misfit("an array");
    const size_t size = length(signature);
    const std::string inner(signature.substr(1, size - 2));
    signature.remove_prefix(size);
    require(sd_bus_message_open_container(message_, 'r', inner.c_str()), "put a structure into a message");
    std::string_view types = inner;
    for (const json::Value& each : *members) write(types, each);
    if (!types.empty()) misfit("a structure with all its members");
    require(sd_bus_message_close_container(message_), "put a structure into a message");
  }

  sd_bus_message* message_;
  const std::string& property_;
};

}  // namespace

void append_properties(sd_bus_message* message, const std::vector<UnitProperty>& properties) {
  require(sd_bus_message_open_container(message, 'a', "(sv)"), "put properties into a message");
  for (const UnitProperty& property : properties) {
    require(sd_bus_message_open_container(message, 'r', "sv"), "put a property into a message");
    require(sd_bus_message_append_basic(message, 's', property.name.c_str()), "put a name into a message");
    require(sd_bus_message_open_container(message, 'v', property.signature.c_str()),
            cat("put a value of type ", quote(property.signature), " into a message"));
    std::string_view signature = property.signature;
    Writer(message, property.name).write(signature, property.value);
    require(sd_bus_message_close_container(message), "put a value into a message");
    require(sd_bus_message_close_container(message), "put a property into a message");
  }
  require(sd_bus_message_close_container(message), "put properties into a message");
}

}  // namespace crunlite::runtime
