// SPDX-License-Identifier: Apache-2.0
#include "oci/image.h"

namespace crunlite::oci {
namespace {

using json::Array;
using json::Object;
using json::Value;

// Members appear in the order of the calls; empty ones are left out, as Go's omitempty does.
class Writer {
 public:
  Writer& text(std::string_view key, const std::string& value) {
    if (!value.empty()) object_.add(std::string(key), value);
    return *this;
  }
  Writer& number(std::string_view key, int64_t value) {
    if (value) object_.add(std::string(key), value);
    return *this;
  }
  Writer& list(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return *this;
    Array array(values.begin(), values.end());
    return always(key, std::move(array));
  }
  Writer& set(std::string_view key, const std::vector<std::string>& names) {
    if (names.empty()) return *this;
    Object members;
    for (const std::string& name : names) members.add(name, Object());
    return always(key, std::move(members));
  }
  Writer& map(std::string_view key, const std::map<std::string, std::string>& values) {
    if (values.empty()) return *this;
    Object members;
    for (const auto& [name, value] : values) members.add(name, value);
    return always(key, std::move(members));
  }
  Writer& always(std::string_view key, Value value) {
    object_.add(std::string(key), std::move(value));
    return *this;
  }
  Value take() { return std::move(object_); }

 private:
  Object object_;
};

Array encode_all(const std::vector<Descriptor>& descriptors) {
  Array out;
  for (const Descriptor& descriptor : descriptors) out.push_back(encode(descriptor));
  return out;
}

Value encode_health_check(const HealthCheck& check) {
  return Writer()
      .list("Test", check.test)
      .number("Interval", check.interval)
      .number("Timeout", check.timeout)
      .number("StartPeriod", check.start_period)
      .number("StartInterval", check.start_interval)
      .number("Retries", check.retries)
      .take();
}

Value encode_run_config(const ImageRunConfig& config) {
  Writer out;
  out.text("User", config.user)
      .set("ExposedPorts", config.exposed_ports)
      .list("Env", config.env)
      .list("Entrypoint", config.entrypoint)
      .list("Cmd", config.cmd)
      .set("Volumes", config.volumes)
      .text("WorkingDir", config.working_dir)
      .map("Labels", config.labels)
      .text("StopSignal", config.stop_signal);
  if (config.stop_timeout) out.always("StopTimeout", *config.stop_timeout);
  if (config.health_check) out.always("Healthcheck", encode_health_check(*config.health_check));
  return out.list("OnBuild", config.on_build).list("Shell", config.shell).take();
}

Value encode_history(const ImageHistory& entry) {
  Writer out;
  out.text("created", entry.created)
      .text("created_by", entry.created_by)
      .text("author", entry.author)
      .text("comment", entry.comment);
  if (entry.empty_layer) out.always("empty_layer", true);
  return out.take();
}

}  // namespace

Value encode(const Descriptor& descriptor) {
  Writer out;
  out.always("mediaType", descriptor.media_type)
      .always("digest", descriptor.digest)
      .always("size", descriptor.size)
      .map("annotations", descriptor.annotations);
  if (descriptor.platform) {
    out.always("platform", Writer()
                               .always("architecture", descriptor.platform->architecture)
                               .always("os", descriptor.platform->os)
                               .text("variant", descriptor.platform->variant)
                               .take());
  }
  return out.take();
}

Value encode(const Manifest& manifest) {
  return Writer()
      .always("schemaVersion", 2)
      .text("mediaType", manifest.media_type)
      .always("config", encode(manifest.config))
      .always("layers", encode_all(manifest.layers))
      .map("annotations", manifest.annotations)
      .take();
}

Value encode(const Index& index) {
  return Writer()
      .always("schemaVersion", 2)
      .text("mediaType", index.media_type)
      .always("manifests", encode_all(index.manifests))
      .map("annotations", index.annotations)
      .take();
}

Value encode(const ImageConfig& config) {
  Array diff_ids(config.diff_ids.begin(), config.diff_ids.end());
  Writer out;
  out.text("created", config.created)
      .text("author", config.author)
      .always("architecture", config.architecture)
      .text("variant", config.variant)
      .always("os", config.os)
      .text("os.version", config.os_version)
      .always("config", encode_run_config(config.config))
      .always("rootfs", Object{{"type", "layers"}, {"diff_ids", std::move(diff_ids)}});
  if (config.history.empty()) return out.take();
  Array history;
  for (const ImageHistory& entry : config.history) history.push_back(encode_history(entry));
  return out.always("history", std::move(history)).take();
}

}  // namespace crunlite::oci
