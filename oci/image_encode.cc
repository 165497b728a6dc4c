// SPDX-License-Identifier: Apache-2.0
#include "oci/codec_support.h"
#include "oci/image.h"

namespace crunlite::oci {
namespace {

Array encode_all(const std::vector<Descriptor>& descriptors) {
  Array out;
  for (const Descriptor& descriptor : descriptors) out.push_back(encode(descriptor));
  return out;
}

Value encode_health_check(const HealthCheck& check) {
  return Members()
      .strings("Test", check.test)
      .number("Interval", check.interval)
      .number("Timeout", check.timeout)
      .number("StartPeriod", check.start_period)
      .number("StartInterval", check.start_interval)
      .number("Retries", check.retries)
      .take();
}

Value encode_run_config(const ImageRunConfig& config) {
  Members out;
  out.text("User", config.user)
      .set("ExposedPorts", config.exposed_ports)
      .strings("Env", config.env)
      .strings("Entrypoint", config.entrypoint)
      .strings("Cmd", config.cmd)
      .set("Volumes", config.volumes)
      .text("WorkingDir", config.working_dir)
      .map("Labels", config.labels)
      .text("StopSignal", config.stop_signal);
  if (config.stop_timeout) out.always("StopTimeout", *config.stop_timeout);
  if (config.health_check) out.always("Healthcheck", encode_health_check(*config.health_check));
  return out.strings("OnBuild", config.on_build).strings("Shell", config.shell).take();
}

Value encode_history(const ImageHistory& entry) {
  Members out;
  out.text("created", entry.created)
      .text("created_by", entry.created_by)
      .text("author", entry.author)
      .text("comment", entry.comment);
  if (entry.empty_layer) out.always("empty_layer", true);
  return out.take();
}

}  // namespace

Value encode(const Descriptor& descriptor) {
  Members out;
  out.always("mediaType", descriptor.media_type)
      .always("digest", descriptor.digest)
      .always("size", descriptor.size)
      .map("annotations", descriptor.annotations);
  if (descriptor.platform) {
    out.always("platform", Members()
                               .always("architecture", descriptor.platform->architecture)
                               .always("os", descriptor.platform->os)
                               .text("variant", descriptor.platform->variant)
                               .take());
  }
  return out.take();
}

Value encode(const Manifest& manifest) {
  return Members()
      .always("schemaVersion", 2)
      .text("mediaType", manifest.media_type)
      .always("config", encode(manifest.config))
      .always("layers", encode_all(manifest.layers))
      .map("annotations", manifest.annotations)
      .take();
}

Value encode(const Index& index) {
  return Members()
      .always("schemaVersion", 2)
      .text("mediaType", index.media_type)
      .always("manifests", encode_all(index.manifests))
      .map("annotations", index.annotations)
      .take();
}

Value encode(const ImageConfig& config) {
  Array diff_ids(config.diff_ids.begin(), config.diff_ids.end());
  Members out;
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
