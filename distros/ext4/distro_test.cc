// A real distro goes from its archive into an image and from there into another archive, and stays the same.
#include <fcntl.h>

#include <cstdlib>

#include "distros/ext4/test_image.h"
#include "distros/host/byte_stream.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/tar_source.h"

namespace wslm {
namespace {

absl::StatusOr<std::unique_ptr<Source>> OpenTar(const std::string& path) {
  return OpenTarSource(FdByteSource(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), path), path);
}

TEST(Ext4Distro, IsTheSameInArchiveAndImage) {
  const char* archive = std::getenv("WSLM_TEST_ROOT");
  if (archive == nullptr) GTEST_SKIP() << "WSLM_TEST_ROOT names no archive of a distro";
  const TemporaryFolder folder;
  const std::string image = folder / "image";
  auto tar = OpenTar(archive);
  ASSERT_TRUE(tar.ok()) << tar.status();
  const absl::StatusOr<TransferResult> imported = WriteImage(image, **tar, Ext4Options());
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  EXPECT_EQ(ImageDigest(image).value_or("none"), imported->digest.ToString());

  const std::string copy = folder / "copy.tar";
  auto source = OpenExt4Source(image);
  ASSERT_TRUE(source.ok()) << source.status();
  UniqueFd out(::open(copy.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  auto sink = OpenTarSink(FdByteSink(std::move(out), copy), TarCompression::kNone);
  ASSERT_TRUE(sink.ok()) << sink.status();
  const absl::StatusOr<TransferResult> exported = Transfer(**source, **sink, {});
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ(exported->digest, imported->digest);
  auto again = OpenTar(copy);
  ASSERT_TRUE(again.ok()) << again.status();
  const absl::StatusOr<TreeDigest> digest = DigestOf(**again, {});
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, imported->digest);
}

}  // namespace
}  // namespace wslm
