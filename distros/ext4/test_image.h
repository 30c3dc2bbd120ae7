// Images in a temporary folder, for tests.
#ifndef WSLM_DISTROS_EXT4_TEST_IMAGE_H_
#define WSLM_DISTROS_EXT4_TEST_IMAGE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/tree/digest.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"

namespace wslm {

// A folder that is gone with its content at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "wslm-ext4-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Small, so that checking it takes no time.
inline Ext4Options SmallImage() { return {.size = int64_t{256} << 20}; }

// Writes the files to a new image and gives what was transferred.
inline absl::StatusOr<TransferResult> WriteImage(const std::string& image, Source& source,
                                                 const Ext4Options& options = SmallImage()) {
  absl::StatusOr<std::unique_ptr<Sink>> sink = CreateExt4Sink(image, options);
  if (!sink.ok()) return sink.status();
  return Transfer(source, **sink, {});
}

inline absl::StatusOr<TransferResult> WriteImage(const std::string& image, std::vector<TestFile> files,
                                                 const Ext4Options& options = SmallImage()) {
  TestSource source(std::move(files));
  return WriteImage(image, source, options);
}

// Straight into the sink, without the checks and the digest of a transfer.
inline absl::Status WriteDirectly(const std::string& image, const std::vector<TestFile>& files,
                                  const Ext4Options& options = SmallImage()) {
  absl::StatusOr<std::unique_ptr<Sink>> sink = CreateExt4Sink(image, options);
  if (!sink.ok()) return sink.status();
  for (const TestFile& file : files) {
    if (absl::Status status = (*sink)->Begin(file.entry); !status.ok()) return status;
    for (const auto& [offset, bytes] : file.blocks) {
      if (absl::Status status = (*sink)->Write({offset, bytes}); !status.ok()) return status;
    }
    if (absl::Status status = (*sink)->End(); !status.ok()) return status;
  }
  return (*sink)->Commit();
}

// All entries with their content, in the image's order.
inline absl::StatusOr<std::vector<TestFile>> ReadImage(const std::string& image) {
  absl::StatusOr<std::unique_ptr<Source>> source = OpenExt4Source(image);
  if (!source.ok()) return source.status();
  std::vector<TestFile> files;
  while (true) {
    TestFile file;
    const absl::StatusOr<bool> more = (*source)->Next(file.entry);
    if (!more.ok()) return more.status();
    if (!*more) return files;
    while (true) {
      const absl::StatusOr<std::optional<DataBlock>> block = (*source)->Read();
      if (!block.ok()) return block.status();
      if (!*block) break;
      file.blocks.emplace_back((*block)->offset, std::string((*block)->bytes));
    }
    files.push_back(std::move(file));
  }
}

inline absl::StatusOr<std::string> ImageDigest(const std::string& image) {
  absl::StatusOr<std::unique_ptr<Source>> source = OpenExt4Source(image);
  if (!source.ok()) return source.status();
  const absl::StatusOr<TreeDigest> digest = DigestOf(**source, {});
  if (!digest.ok()) return digest.status();
  return digest->ToString();
}

// The one with that path; fails the test and gives an empty one when it isn't there.
inline TestFile Find(const std::vector<TestFile>& files, const std::string& path) {
  for (const TestFile& file : files) {
    if (file.entry.path == path) return file;
  }
  ADD_FAILURE() << "there is no " << path;
  return {};
}

// Writes the files, checks the image, and expects to read the same back; gives what was read.
inline std::vector<TestFile> RoundTrip(const TemporaryFolder& folder, std::vector<TestFile> files,
                                       const Ext4Options& options = SmallImage()) {
  static int number = 0;
  const std::string image = folder / ("image" + std::to_string(++number));
  const absl::StatusOr<TransferResult> result = WriteImage(image, std::move(files), options);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::string> digest = ImageDigest(image);
  EXPECT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest.value_or("none"), result->digest.ToString());
  absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *std::move(read) : std::vector<TestFile>();
}

// A Linux access control list as getxattr gives it: {tag, permissions, id} each.
struct AclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};
inline std::string LinuxAcl(const std::vector<AclEntry>& entries) {
  std::string acl("\x02\0\0\0", 4);
  for (const AclEntry& entry : entries) acl.append(reinterpret_cast<const char*>(&entry), sizeof entry);
  return acl;
}

// user::rw-, user:1000:r--, group::r--, mask::r--, other::r--.
inline std::string SampleAcl() {
  constexpr uint32_t kNone = 0xffffffff;
  return LinuxAcl({{1, 6, kNone}, {2, 4, 1000}, {4, 4, kNone}, {16, 4, kNone}, {32, 4, kNone}});
}

// cap_net_raw+ep.
inline std::string SampleCapability() { return std::string("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20); }

// One of everything that a Linux tree has.
std::vector<TestFile> SampleTree();

}  // namespace wslm

#endif  // WSLM_DISTROS_EXT4_TEST_IMAGE_H_
