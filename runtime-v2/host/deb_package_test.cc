#include "runtime-v2/host/deb_package.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"

namespace wslm {
namespace {

using Files = std::map<std::string, std::string>;

std::string Packed(const Files& files, bool as_tar) {
  std::string bytes(1 << 20, '\0');
  size_t used = 0;
  archive* writer = ::archive_write_new();
  if (as_tar) {
    ::archive_write_add_filter_xz(writer);
    ::archive_write_set_format_gnutar(writer);
  } else {
    ::archive_write_set_format_ar_svr4(writer);
  }
  ::archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const auto& [name, content] : files) {
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_perm(entry, 0644);
    ::archive_entry_set_size(entry, static_cast<int64_t>(content.size()));
    ::archive_write_header(writer, entry);
    ::archive_write_data(writer, content.data(), content.size());
    ::archive_entry_free(entry);
  }
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

class DebPackageTest : public testing::Test {
 protected:
  DebPackageTest() : folder_(testing::TempDir() + "/deb_package_test-" + std::to_string(::getpid())) {
    MakeFolders(folder_).IgnoreError();
  }
  ~DebPackageTest() override { RemoveTree(folder_).IgnoreError(); }

  absl::StatusOr<UnpackedKernel> Unpack(const Files& data) {
    const std::string package = folder_ + "/x.deb";
    const std::string bytes = Packed(
        {{"control.tar.xz", Packed({}, true)}, {"data.tar.xz", Packed(data, true)}, {"debian-binary", "2.0\n"}}, false);
    WriteFileAtomically(package, bytes).IgnoreError();
    return UnpackKernelPackage(package, folder_);
  }
  const std::string folder_;
};

TEST_F(DebPackageTest, TakesTheKernelAndItsModules) {
  const auto kernel = Unpack({{"./boot/vmlinuz-6.1.0-1-amd64", "image"},
                              {"./boot/config-6.1.0-1-amd64", "config"},
                              {"./lib/modules/6.1.0-1-amd64/kernel/fs/ext4/ext4.ko", "module"},
                              {"./usr/share/doc/x", "words"}});
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->release, "6.1.0-1-amd64");
  EXPECT_EQ(kernel->bzimage, "image");
  EXPECT_EQ(ReadSmallFile(kernel->modules + "/kernel/fs/ext4/ext4.ko").value_or(""), "module");
  EXPECT_FALSE(PathExists(folder_ + "/usr"));
}

TEST_F(DebPackageTest, FollowsTheModulesIntoUsr) {
  const auto kernel =
      Unpack({{"./boot/vmlinuz-6.12-amd64", "image"}, {"./usr/lib/modules/6.12-amd64/kernel/a.ko", "m"}});
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_TRUE(PathExists(kernel->modules + "/kernel/a.ko"));
}

TEST_F(DebPackageTest, WritesNothingOutsideItsFolder) {
  Unpack({{"./boot/vmlinuz-1", "image"},
          {"./lib/modules/1/kernel/a.ko", "m"},
          {"./lib/modules/1/../../../escaped", "x"},
          {"./lib/modules/../escaped/x", "x"}})
      .status()
      .IgnoreError();
  EXPECT_FALSE(PathExists(testing::TempDir() + "/escaped"));
  EXPECT_FALSE(PathExists(folder_ + "/escaped"));
}

TEST_F(DebPackageTest, SaysWhatAPackageIsNot) {
  EXPECT_EQ(ReasonOf(Unpack({{"./usr/bin/hello", "x"}}).status()), reason::kKernelUnavailable);
  WriteFileAtomically(folder_ + "/y.deb", "no archive").IgnoreError();
  EXPECT_EQ(ReasonOf(UnpackKernelPackage(folder_ + "/y.deb", folder_).status()), reason::kKernelUnavailable);
  EXPECT_EQ(ReasonOf(UnpackKernelPackage("/nowhere.deb", folder_).status()), reason::kKernelUnavailable);
}

TEST(KernelPackageInTest, ReadsAptCache) {
  EXPECT_EQ(KernelPackageIn("linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n"),
            "linux-image-6.1.0-56-amd64");
  EXPECT_EQ(KernelPackageIn("linux-image-amd64\n  Depends: linux-image-6.12.1-amd64 (= 6.12.1-1)\n"),
            "linux-image-6.12.1-amd64");
  EXPECT_EQ(KernelPackageIn("linux-image-amd64\n |Depends: dpkg\n"), "");
  EXPECT_EQ(KernelPackageIn(""), "");
}

}  // namespace
}  // namespace wslm
