// SPDX-License-Identifier: Apache-2.0
// The directories of a checkpoint as criu is told about them, and what crun-lite keeps there besides:
// descriptors.json, in the form that runc gave it. Not criu's own image files, which only criu reads.
#pragma once

#include <string>
#include <vector>

#include "base/proc.h"
#include "base/unique_fd.h"
#include "runtime/checkpoint.h"
#include "runtime/record.h"

namespace crunlite::runtime {

struct CriuImage {
  UniqueFd directory;
  UniqueFd work;  // invalid: the same
  std::string log_file;
  std::string log_path;  // for messages

  int log_directory() const { return work.valid() ? work.get() : directory.get(); }
  // Tells the request where they are. The descriptors must stay open.
  void describe_in(CriuOptions& options) const;
};

// Makes the directories that are missing, 0700. Throws SysError.
CriuImage make_image(const CriuSettings& settings);
// The image directory has to be there.
CriuImage open_image(const CriuSettings& settings);

// Throws Error(kUsage) unless it is relative and a directory, seen from the image.
void check_parent_path(const CriuImage& image, const std::string& path);

// What a dump and a restore have in common.
CriuOptions criu_options(const CriuSettings& settings, const Record& record, const CriuImage& image);

// An answer that says no, as an error that quotes criu's log.
[[noreturn]] void throw_criu_failure(const CriuAnswer& answer, CriuCall call, const CriuImage& image);

// What 0, 1 and 2 of a container are called in an image: "pipe:[7]", "file[1d:5f3]" for a file or device that
// is not in the container, else its path.
std::vector<std::string> descriptor_keys(const Record& record, const Proc& proc);
bool is_external_file(const std::string& key);

void write_descriptors(const CriuImage& image, const std::vector<std::string>& keys);
// Which of our descriptors are to take the place of what the image calls so: those that the restored
// container cannot get from its own files. Throws Error when the file is missing or not of its form.
std::vector<CriuInheritedFd> read_descriptors(const CriuImage& image);

}  // namespace crunlite::runtime
