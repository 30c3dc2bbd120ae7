#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "distros/ext4/ext4.h"
#include "distros/ext4/extent_tree.h"
#include "distros/ext4/file_writer.h"
#include "distros/ext4/format.h"
#include "distros/ext4/tree_writer.h"
#include "distros/ext4/volume.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

class Ext4Sink : public Sink {
 public:
  explicit Ext4Sink(std::unique_ptr<ext4::TreeWriter> tree) : tree_(std::move(tree)) {}

  absl::Status Begin(const Entry& entry) override;
  absl::Status Write(const DataBlock& block) override;
  absl::Status End() override;
  absl::Status Commit() override { return tree_->Finish(); }
  std::vector<std::string> losses() const override { return tree_->losses(); }

 private:
  // A regular file between Begin and End.
  struct OpenFile {
    std::string path;
    uint32_t inode;
    uint64_t size;
    ext4::FileWriter content;
  };

  std::unique_ptr<ext4::TreeWriter> tree_;
  std::optional<OpenFile> file_;
};

absl::Status Ext4Sink::Begin(const Entry& entry) {
  RETURN_IF_ERROR(End());
  if (entry.path.empty()) return tree_->SetRoot(entry);
  ASSIGN_OR_RETURN(const ext4::TreeWriter::Place place, tree_->Locate(entry.path));
  const bool is_directory = entry.type == FileType::kDirectory && !entry.is_hard_link();
  if (place.is_lost_and_found && !is_directory) {
    tree_->AddLoss(entry.path, "on ext4 this name belongs to a folder");
    return absl::OkStatus();
  }
  if (entry.is_hard_link()) return tree_->PutHardLink(place, entry);
  ASSIGN_OR_RETURN(const uint32_t inode, tree_->Put(place, entry));
  if (entry.type == FileType::kRegular) {
    file_.emplace(OpenFile{entry.path, inode, static_cast<uint64_t>(entry.size), ext4::FileWriter(&tree_->volume())});
  }
  return absl::OkStatus();
}

absl::Status Ext4Sink::Write(const DataBlock& block) {
  // Content of what became a loss.
  if (!file_) return absl::OkStatus();
  const uint64_t offset = block.offset;
  const bool ascends = block.offset >= 0 && offset >= file_->content.position();
  if (!ascends || offset > file_->size || block.bytes.size() > file_->size - offset) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kCorruptSource,
                 absl::StrCat("The content of ", Escaped(file_->path), " does not agree with its size of ", file_->size,
                              " bytes."));
  }
  return file_->content.Write(offset, block.bytes);
}

absl::Status Ext4Sink::End() {
  if (!file_) return absl::OkStatus();
  OpenFile file = *std::exchange(file_, std::nullopt);
  RETURN_IF_ERROR(file.content.Finish());
  ext4::Volume& volume = tree_->volume();
  ASSIGN_OR_RETURN(ext4::InodeRecord record, volume.inodes().Load(file.inode));
  record.set_size(file.size);
  RETURN_IF_ERROR(ext4::StoreExtents(volume, file.inode, file.content.extents(), record));
  return volume.inodes().Store(file.inode, record);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sink>> CreateExt4Sink(const std::string& image, const Ext4Options& options) {
  RETURN_IF_ERROR(ext4::Format(image, options));
  absl::Cleanup remove = [&image] { ::unlink(image.c_str()); };
  ASSIGN_OR_RETURN(std::unique_ptr<ext4::Volume> volume, ext4::Volume::Open(image));
  ASSIGN_OR_RETURN(std::unique_ptr<ext4::TreeWriter> tree, ext4::TreeWriter::Create(std::move(volume)));
  std::move(remove).Cancel();
  return std::make_unique<Ext4Sink>(std::move(tree));
}

}  // namespace wslm
