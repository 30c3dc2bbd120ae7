#include "distros/oci/container_image.h"

#include "distros/host/test_folder.h"
#include "distros/oci/test_image.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

std::string Tar(const std::vector<TestMember>& members) { return Layer(members); }

TEST(LooksLikeContainerImage, ArchivesOfImages) {
  const std::string hex(64, 'a');
  const std::string images[] = {
      ImageOf({Layer({Plain("a", "1")})}).Tar(),
      Tar({Dir("blobs"), Dir("blobs/sha256"), Plain("blobs/sha256/" + hex, std::string(3 << 20, 'x'))}),
      Tar({Dir(hex), Plain(hex + "/VERSION", "1.0")}),
      Tar({Plain(hex + ".json", "{}"), Plain(hex + ".tar", "x")}),
      Tar({Plain(hex + ".tar", "x")}),
      Tar({Plain("sha256:" + hex, "{}"), Plain(hex + ".tar.gz", "x"), Plain("manifest.json", "[]")}),
      Tar({Plain("oci-layout", "{}")}),
      Tar({Dir("."), Plain("./oci-layout", "{}")}),
  };
  const TestFolder folder;
  for (const std::string& image : images) {
    for (const auto compression : {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
      const std::string packed = Packed(image, compression);
      EXPECT_TRUE(BeginsLikeContainerImage(packed));
      EXPECT_TRUE(BeginsLikeContainerImage(packed.substr(0, 1 << 20)));
      ASSERT_TRUE(WriteFileAtomically(folder / "x", packed).ok());
      EXPECT_TRUE(LooksLikeContainerImage(folder / "x"));
    }
  }
}

TEST(LooksLikeContainerImage, OrdinaryArchivesAndAllElse) {
  const std::string others[] = {
      Tar({Dir("."), Dir("./bin"), Dir("./etc")}),
      Tar({Dir("etc"), Plain("manifest.json", "x")}),
      Tar({Plain("manifest.json", "x"), Plain("etc/passwd", "x")}),
      Tar({Plain(".dockerenv", ""), Soft("bin", "usr/bin")}),
      Tar({Plain("a", "1")}),
      std::string(10240, '\0'),
      "text",
      "",
      "\x1F\x8B",
      std::string(100, '\x1F'),
  };
  for (const std::string& other : others) {
    EXPECT_FALSE(BeginsLikeContainerImage(other));
    EXPECT_FALSE(BeginsLikeContainerImage(Packed(other, LayerCompression::kGzip)));
  }
  EXPECT_FALSE(LooksLikeContainerImage("/dev/null"));
  EXPECT_FALSE(LooksLikeContainerImage("/missing"));
}

TEST(LooksLikeContainerImage, Folders) {
  const TestFolder folder;
  EXPECT_FALSE(LooksLikeContainerImage(folder.path()));
  EXPECT_FALSE(LooksLikeContainerImage("/usr"));
  ImageOf({Layer({Plain("a", "1")})}).WriteFolder(folder / "image");
  EXPECT_TRUE(LooksLikeContainerImage(folder / "image"));
}

// A gzip that holds a gzip, and so on, is not followed.
TEST(LooksLikeContainerImage, DoesNotUnpackTwice) {
  EXPECT_FALSE(BeginsLikeContainerImage(
      Packed(Packed(Tar({Plain("oci-layout", "{}")}), LayerCompression::kGzip), LayerCompression::kGzip)));
}

}  // namespace
}  // namespace wslm
