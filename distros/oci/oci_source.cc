#include "distros/oci/oci_source.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "distros/host/status_macros.h"
#include "distros/oci/image_choice.h"
#include "distros/oci/image_files.h"
#include "distros/oci/layer_plan.h"
#include "distros/oci/layer_reader.h"

namespace wslm {
namespace {

constexpr size_t kWarningsMax = 100;

class OciSource : public Source {
 public:
  OciSource(std::unique_ptr<ImageFiles> files, std::vector<ImageLayer> layers, const OciSourceOptions& options)
      : files_(std::move(files)),
        layers_(std::move(layers)),
        limits_(options.limits),
        cancel_(options.cancel),
        plan_(layers_.size(), files_->name()) {
    for (const ImageLayer& layer : layers_) total_ += layer.size;
  }

  // The first pass.
  absl::Status Plan(const std::function<void(const TransferProgress&)>& progress) {
    std::chrono::steady_clock::time_point next;
    int64_t done = 0;
    for (size_t layer = layers_.size(); layer-- > 0;) {
      plan_.BeginLayer(layer);
      ASSIGN_OR_RETURN(const std::unique_ptr<Source> source, OpenLayer(*files_, layers_[layer], limits_, cancel_));
      Entry entry;
      while (true) {
        ASSIGN_OR_RETURN(const bool more, source->Next(entry));
        if (!more) break;
        RETURN_IF_ERROR(CheckCancel(cancel_));
        RETURN_IF_ERROR(CheckEntry(entry));
        RETURN_IF_ERROR(plan_.Add(entry));
        const auto now = std::chrono::steady_clock::now();
        if (!progress || now < next) continue;
        next = now + std::chrono::milliseconds(100);
        progress({.done = done + source->position(), .total = total_, .path = entry.path});
      }
      RETURN_IF_ERROR(plan_.EndLayer());
      done += layers_[layer].size;
    }
    RETURN_IF_ERROR(plan_.Finish());
    warnings_ = plan_.warnings();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Entry& entry) override {
    while (true) {
      if (source_ == nullptr) {
        while (layer_ < layers_.size() && !plan_.Needed(layer_)) done_ += layers_[layer_++].size;
        if (layer_ == layers_.size()) return false;
        ASSIGN_OR_RETURN(source_, OpenLayer(*files_, layers_[layer_], limits_, cancel_));
        number_ = 0;
      }
      ASSIGN_OR_RETURN(const bool more, source_->Next(entry));
      if (!more) {
        for (std::string& warning : source_->warnings()) {
          if (warnings_.size() < kWarningsMax) warnings_.push_back(std::move(warning));
        }
        source_.reset();
        done_ += layers_[layer_++].size;
        continue;
      }
      if (plan_.Take(layer_, number_++, entry)) return true;
    }
  }

  absl::StatusOr<std::optional<DataBlock>> Read() override {
    if (source_ == nullptr) return std::nullopt;
    return source_->Read();
  }

  int64_t position() const override { return done_ + (source_ == nullptr ? 0 : source_->position()); }
  int64_t total() const override { return total_; }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  const std::unique_ptr<ImageFiles> files_;
  const std::vector<ImageLayer> layers_;
  const Limits limits_;
  const CancelFlag* const cancel_;
  LayerPlan plan_;
  int64_t total_ = 0;
  std::vector<std::string> warnings_;
  // The second pass.
  size_t layer_ = 0;
  uint32_t number_ = 0;
  int64_t done_ = 0;
  std::unique_ptr<Source> source_;
};

}  // namespace

absl::StatusOr<OciImage> OpenOciSource(const std::string& path, const OciSourceOptions& options) {
  Platform platform = HostPlatform();
  if (!options.platform.empty()) {
    ASSIGN_OR_RETURN(platform, ParsePlatform(options.platform));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ImageFiles> files,
                   OpenImageFiles(path, options.scratch, options.limits, options.cancel));
  ASSIGN_OR_RETURN(ChosenImage image, ChooseImage(*files, platform, options.ref_name));
  auto source = std::make_unique<OciSource>(std::move(files), std::move(image.layers), options);
  RETURN_IF_ERROR(source->Plan(options.progress));
  return OciImage{std::move(source), std::move(image.config)};
}

}  // namespace wslm
