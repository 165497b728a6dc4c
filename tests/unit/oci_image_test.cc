// SPDX-License-Identifier: Apache-2.0
#include "oci/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace crunlite::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string manifest(const std::string& extra = "", const std::string& size = "7") {
  return R"({"schemaVersion":2,)" + extra +
         R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + kDigest +
         R"(","size":)" + size +
         R"(},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":")" + kDigest +
         R"(","size":3}]})";
}

std::string complaint(const std::string& document, std::string_view expected = "") {
  try {
    decode_manifest(document, "m", expected);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIntegrity);
    return error.what();
  }
  return "";
}

TEST(Manifest, IsDecodedAndEncodedAgain) {
  const Manifest decoded = decode_manifest(manifest(), "m", kOciManifest);
  EXPECT_EQ(decoded.config.size, 7u);
  ASSERT_EQ(decoded.layers.size(), 1u);
  EXPECT_EQ(classify_media_type(decoded.layers[0].media_type).compression, Compression::kZstd);
  EXPECT_EQ(json::dump(encode(decoded)), manifest());
}

TEST(Manifest, RefusesWhatCouldBeReadTwoWays) {
  EXPECT_THAT(complaint(manifest(R"("manifests":[],)")), HasSubstr("ambiguous"));
  EXPECT_THAT(complaint(manifest(R"("fsLayers":[],)")), HasSubstr("ambiguous"));
  EXPECT_THAT(complaint(manifest(R"("mediaType":"application/vnd.oci.image.index.v1+json",)")),
              HasSubstr("/mediaType"));
  EXPECT_THAT(complaint(manifest(R"("mediaType":"application/vnd.oci.image.manifest.v1+json",)"),
                        "application/vnd.docker.distribution.manifest.v2+json"),
              HasSubstr("the descriptor says"));
}

TEST(Manifest, RefusesBadNumbersAndDigests) {
  EXPECT_THAT(complaint(manifest("", "-1")), HasSubstr("/config/size"));
  EXPECT_THAT(complaint(manifest("", "1.5")), HasSubstr("/config/size"));
  EXPECT_THAT(complaint(manifest("", "99999999999999999999")), HasSubstr("/config/size"));
  EXPECT_THAT(complaint(R"({"schemaVersion":2})"), HasSubstr("\"config\" is missing"));
  EXPECT_FALSE(is_sha256_digest("sha256:../../etc"));
  EXPECT_FALSE(is_sha256_digest("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(is_sha256_digest("sha512:" + std::string(64, 'a')));
}

constexpr char kConfigDocument[] = R"({
  "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
  "config": {"User": "app", "ExposedPorts": {"5000/tcp": {}, "443/tcp": {}}, "Env": ["A=b"], "Entrypoint": null,
    "Cmd": ["python3"], "Volumes": {"/data": {}}, "WorkingDir": "/app", "Labels": {"k": "v"}, "StopSignal": "SIGINT",
    "StopTimeout": 3, "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5}, "Shell": ["/bin/bash", "-c"],
    "ArgsEscaped": true},
  "rootfs": {"type": "layers", "diff_ids": ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]},
  "history": [{"created_by": "RUN x", "empty_layer": true}]})";

TEST(ImageConfig, HasDockersMembersToo) {
  const ImageConfig decoded = decode_image_config(kConfigDocument, "c");
  EXPECT_EQ(decoded.config.user, "app");
  EXPECT_THAT(decoded.config.exposed_ports, ElementsAre("443/tcp", "5000/tcp"));
  EXPECT_THAT(decoded.config.volumes, ElementsAre("/data"));
  EXPECT_TRUE(decoded.config.entrypoint.empty());
  EXPECT_EQ(decoded.config.stop_timeout, 3);
  EXPECT_THAT(decoded.config.health_check.value().test, ElementsAre("CMD", "true"));
  EXPECT_TRUE(decoded.history.at(0).empty_layer);
  EXPECT_THAT(decoded.diff_ids, ElementsAre(kDigest));
  const ImageConfig again = decode_image_config(json::dump(encode(decoded)), "c");
  EXPECT_EQ(json::dump(encode(again)), json::dump(encode(decoded)));
}

TEST(ImageConfig, NamesEveryProblem) {
  try {
    decode_image_config(R"({"config":{"Env":5},"rootfs":{"type":"x","diff_ids":["md5:1"]}})", "config");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("/config/Env"), HasSubstr("/rootfs/type"),
                                             HasSubstr("/rootfs/diff_ids/0")));
  }
}

}  // namespace
}  // namespace crunlite::oci
