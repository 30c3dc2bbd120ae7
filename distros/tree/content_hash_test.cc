#include "distros/tree/content_hash.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace wslm {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

std::string Noise(size_t size) {
  std::string noise(size, '\0');
  uint32_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return noise;
}

template <typename Hash>
typename Hash::Digest HashInPieces(const std::string& content, size_t piece, int64_t size = INT64_MAX) {
  ContentHash<Hash> hash;
  for (size_t at = 0; at < content.size(); at += piece) {
    hash.Write(static_cast<int64_t>(at), std::string_view(content).substr(at, piece), size);
  }
  return hash.Finish(static_cast<int64_t>(content.size()));
}

template <typename Hash>
class ContentHashTest : public testing::Test {};
using Hashes = testing::Types<Sha256, FastHash>;
TYPED_TEST_SUITE(ContentHashTest, Hashes);

TYPED_TEST(ContentHashTest, DoesNotDependOnHowTheContentIsCut) {
  const std::string content = Noise(300'001);
  const auto whole = HashInPieces<TypeParam>(content, content.size());
  for (const size_t piece : {1u, 511u, 4096u, 65535u, 65536u, 65537u, 200000u}) {
    EXPECT_EQ(HashInPieces<TypeParam>(content, piece), whole) << piece;
    EXPECT_EQ(HashInPieces<TypeParam>(content, piece, 300'001), whole) << piece;
  }
}

TYPED_TEST(ContentHashTest, AHoleIsTheSameAsItsZeros) {
  for (const size_t hole_start : {0u, 100u, 65536u, 70000u}) {
    for (const size_t hole_size : {1u, 4096u, 65536u, 200000u}) {
      std::string content = Noise(300'000);
      std::fill_n(content.begin() + static_cast<ptrdiff_t>(hole_start), hole_size, '\0');
      ContentHash<TypeParam> hash;
      hash.Write(0, std::string_view(content).substr(0, hole_start));
      hash.Write(static_cast<int64_t>(hole_start + hole_size),
                 std::string_view(content).substr(hole_start + hole_size));
      EXPECT_EQ(hash.Finish(300'000), HashInPieces<TypeParam>(content, 300'000)) << hole_start << " " << hole_size;
    }
  }
}

TYPED_TEST(ContentHashTest, AHoleAtTheEndIsTheSameAsItsZeros) {
  std::string content = Noise(100'000);
  std::fill(content.begin() + 90'000, content.end(), '\0');
  ContentHash<TypeParam> hash;
  hash.Write(0, std::string_view(content).substr(0, 90'000));
  EXPECT_EQ(hash.Finish(100'000), HashInPieces<TypeParam>(content, 1000));
}

TYPED_TEST(ContentHashTest, SizeAndPlaceCount) {
  ContentHash<TypeParam> hash;
  const auto empty = hash.Finish(0);
  const auto one_zero = hash.Finish(1);
  EXPECT_NE(empty, one_zero);
  hash.Write(0, "x");
  const auto at_start = hash.Finish(2 * kMiB);
  hash.Write(kMiB, "x");
  const auto in_the_middle = hash.Finish(2 * kMiB);
  hash.Write(1, "x");
  const auto second_byte = hash.Finish(2 * kMiB);
  EXPECT_NE(at_start, in_the_middle);
  EXPECT_NE(at_start, second_byte);
  hash.Write(0, "x");
  EXPECT_EQ(hash.Finish(2 * kMiB), at_start);
}

TYPED_TEST(ContentHashTest, AnEnormousHoleCostsNothing) {
  ContentHash<TypeParam> hash;
  hash.Write(int64_t{1} << 50, "x");
  EXPECT_NE(hash.Finish((int64_t{1} << 50) + 1), hash.Finish((int64_t{1} << 50) + 1));
}

}  // namespace
}  // namespace wslm
