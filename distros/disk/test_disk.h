// Disk images for tests, made by the tools that people use.
#ifndef WSLM_DISTROS_DISK_TEST_DISK_H_
#define WSLM_DISTROS_DISK_TEST_DISK_H_

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "distros/disk/disk_format.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/host_tool.h"
#include "distros/host/test_folder.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"

namespace wslm {

inline constexpr int64_t kMiB = int64_t{1} << 20;

inline void RunOrFail(const std::string& name, const std::vector<std::string>& arguments) {
  const absl::StatusOr<ToolResult> result = RunTool(name, arguments);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->exit_code, 0) << name << ": " << result->output;
}

inline std::vector<TestFile> SmallDistro() {
  TestFile sparse = {{.path = "var/sparse", .mode = 0600, .size = 40 * kMiB}, {}};
  sparse.blocks = {{20 * kMiB, std::string(70'000, 's')}};
  return {Folder(""),
          Folder("etc"),
          Folder("usr/bin"),
          Folder("var"),
          Symlink("bin", "usr/bin"),
          File("usr/bin/sh", "#!", 0755),
          File("usr/lib/os-release", "ID=testix\nVERSION_ID=\"7\"\n"),
          Symlink("etc/os-release", "../usr/lib/os-release"),
          File("etc/wsl.conf", "[user]\ndefault=anna\n"),
          File("var/large", std::string(5 * kMiB + 17, 'L')),
          sparse};
}

inline std::string DigestOfTree(std::vector<TestFile> files) {
  TestSource source(std::move(files));
  return DigestOf(source, {})->ToString();
}

// Makes a raw ext4 image of `size` bytes; gives the digest of what is in it.
inline std::string MakeExt4(const std::string& image, int64_t size = 128 * kMiB,
                            const std::vector<TestFile>& files = SmallDistro()) {
  absl::StatusOr<std::unique_ptr<Sink>> sink = CreateExt4Sink(image, {.size = size});
  EXPECT_TRUE(sink.ok()) << sink.status();
  TestSource source(files);
  const absl::StatusOr<TransferResult> result = Transfer(source, **sink, {});
  EXPECT_TRUE(result.ok()) << result.status();
  return result->digest.ToString();
}

inline std::string DigestOrError(const absl::StatusOr<std::unique_ptr<Source>>& source) {
  if (!source.ok()) return source.status().ToString();
  const absl::StatusOr<TreeDigest> digest = DigestOf(**source, {});
  return digest.ok() ? digest->ToString() : digest.status().ToString();
}

// Overwrites bytes of a file.
inline void Poke(const std::string& path, int64_t offset, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

inline void Resize(const std::string& path, int64_t size) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::ftruncate(fd, size), 0);
  ::close(fd);
}

inline int64_t BytesOnDisk(const std::string& path) {
  struct stat st = {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
  return int64_t{st.st_blocks} * 512;
}

inline int EntriesIn(const std::string& folder) {
  const absl::StatusOr<ToolResult> result = RunTool("ls", {"-A", "--", folder});
  return static_cast<int>(std::count(result->output.begin(), result->output.end(), '\n'));
}

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_TEST_DISK_H_
