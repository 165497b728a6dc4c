// SPDX-License-Identifier: Apache-2.0
#include "engine/load_layers.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "rootfs/layer_unpack.h"

namespace crunlite::engine {
namespace {

using image::ArchivedLayer;

constexpr char kFetchAgain[] = "the archive is damaged or was altered: fetch it again";
// Each layer holds two threads and about 3 MiB of buffers: the memory that loading takes is bounded by this.
constexpr unsigned kMostAtOnce = 8;

struct Task {
  const ArchivedLayer* layer = nullptr;
  size_t position = 0;  // in its image, from 1
  uint64_t blob_size = 0;
  bool unpack = false;
};

struct Stopped {};  // another layer has failed

// Ends a layer in the middle when another one has failed.
class StoppableSource final : public archive::ByteSource {
 public:
  StoppableSource(std::unique_ptr<archive::ByteSource> from, const std::atomic<bool>& stop)
      : from_(std::move(from)), stop_(&stop) {}
  size_t read(std::span<char> buffer) override {
    if (*stop_) throw Stopped();
    return from_->read(buffer);
  }

 private:
  std::unique_ptr<archive::ByteSource> from_;
  const std::atomic<bool>* stop_;
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kIntegrity, what).with_remedy(kFetchAgain);
}

void compare(std::string_view what, const std::string& claimed, const std::string& actual) {
  if (claimed != actual)
    refuse(cat(what, " mismatch: the archive says ", claimed, ", the content is ", actual));
}

void check_claims(const ArchivedLayer& layer, const rootfs::UnpackedLayer& got) {
  if (layer.blob_size && *layer.blob_size != got.blob_size) {
    refuse(cat("size mismatch: the archive says ", *layer.blob_size, ", the content has ", got.blob_size,
               " bytes"));
  }
  if (!layer.blob_digest.empty()) compare("digest", layer.blob_digest, got.blob_digest);
  if (layer.compression && *layer.compression != got.compression && got.blob_size > 0) {
    refuse(cat("media type mismatch: the archive says ", compression_name(*layer.compression),
               ", the content is ", compression_name(got.compression)));
  }
  compare("diff ID", layer.diff_id, got.meta.diff_id);
}

// Every distinct file of every distinct layer once, big ones first.
std::vector<Task> plan_tasks(const std::vector<image::ArchivedImage>& images, const image::ImageFiles& files,
                             const image::Store& store) {
  std::vector<Task> tasks;
  std::set<std::pair<std::string, std::string>> seen;
  std::set<std::string> unpacked;
  for (const image::ArchivedImage& image : images) {
    for (size_t i = 0; i < image.layers.size(); ++i) {
      const ArchivedLayer& layer = image.layers[i];
      if (!seen.emplace(layer.diff_id, layer.file).second) continue;
      const bool unpack = !store.has_layer(layer.diff_id) && unpacked.insert(layer.diff_id).second;
      tasks.push_back({&layer, i + 1, files.size(layer.file), unpack});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.blob_size > b.blob_size; });
  return tasks;
}

class LayerLoader {
 public:
  LayerLoader(const std::vector<Task>& tasks, const image::ImageFiles& files,
              const image::Transaction& transaction)
      : tasks_(tasks), files_(files), transaction_(transaction) {}

  std::vector<std::string> run() {
    const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
    const size_t count = std::min<size_t>({tasks_.size(), processors, kMostAtOnce});
    std::vector<std::thread> workers;
    for (size_t i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
    for (std::thread& worker : workers) worker.join();
    if (error_) std::rethrow_exception(error_);
    return std::move(warnings_);
  }

 private:
  void work() {
    while (!stop_) {
      const size_t next = next_++;
      if (next >= tasks_.size()) return;
      try {
        load(tasks_[next]);
      } catch (const Stopped&) {
        return;
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        stop_ = true;
      }
    }
  }

  void load(const Task& task) {
    const std::string what = cat("layer ", task.position, " (", task.layer->diff_id, ")");
    with_context(what, [&] {
      StoppableSource blob(files_.open(task.layer->file), stop_);
      const rootfs::UnpackedLayer got = task.unpack ? unpack(task, blob) : rootfs::check_layer(blob);
      check_claims(*task.layer, got);
      if (task.unpack) transaction_.describe_layer(task.layer->diff_id, rootfs::encode_layer_meta(got.meta));
      keep_warnings(what, got);
    });
  }

  rootfs::UnpackedLayer unpack(const Task& task, archive::ByteSource& blob) const {
    return rootfs::unpack_layer(blob, transaction_.begin_layer(task.layer->diff_id),
                                transaction_.scratch_file());
  }

  void keep_warnings(const std::string& what, const rootfs::UnpackedLayer& got) {
    const std::lock_guard lock(mutex_);
    for (const std::string& warning : got.warnings) warnings_.push_back(cat(what, ": ", warning));
    if (const uint64_t more = got.warning_count - got.warnings.size())
      warnings_.push_back(cat(what, ": ", more, " more like these"));
  }

  const std::vector<Task>& tasks_;
  const image::ImageFiles& files_;
  const image::Transaction& transaction_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::vector<std::string> load_layers(const std::vector<image::ArchivedImage>& images,
                                     const image::ImageFiles& files, const image::Store& store,
                                     image::Transaction& transaction) {
  const std::vector<Task> tasks = plan_tasks(images, files, store);
  std::vector<std::string> warnings = LayerLoader(tasks, files, transaction).run();
  for (const Task& task : tasks)
    if (task.unpack) transaction.add_layer(task.layer->diff_id);
  return warnings;
}

}  // namespace crunlite::engine
