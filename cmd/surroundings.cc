// SPDX-License-Identifier: Apache-2.0
#include "cmd/surroundings.h"

#include "base/error.h"
#include "base/file.h"
#include "base/sys.h"
#include "cmd/configuration.h"
#include "cmd/verbs.h"
#include "engine/container_dir.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kMostConfig = 4u << 20;

bool bundle_here() {
  try {
    return read_file(AT_FDCWD, "config.json", kMostConfig).find("\"ociVersion\"") != std::string::npos;
  } catch (const Error&) {
    return false;
  }
}

bool in_state_root(const std::string& root, const std::string& id) {
  // What is no id must not become a path; what an id is, is checked where it is used.
  if (id.empty() || id[0] == '.' || id.find('/') != std::string::npos) return false;
  return sys::stat_at(AT_FDCWD, cat(root, "/", id).c_str(), AT_SYMLINK_NOFOLLOW).ok();
}

Whose whose(const std::string& root, const std::string& word) {
  const bool known_to_oci = in_state_root(root, word);
  try {
    const std::string store = configuration().storage_root;
    // A whole id that is an OCI caller's is not the beginning of somebody else's.
    const engine::Match match = known_to_oci ? engine::Match::kWhole : engine::Match::kBeginningOfId;
    if (engine::find_container(store, word, match)) return Whose::kImage;
  } catch (const Error&) {
    // Said by whoever needs the store.
  }
  return known_to_oci ? Whose::kOci : Whose::kNobody;
}

}  // namespace

Surroundings surroundings_of(const Globals& globals) {
  return {.bundle_here = bundle_here,
          .image_exists = image_exists,
          .whose = [root = globals.root](const std::string& word) { return whose(root, word); }};
}

}  // namespace crunlite::cmd
