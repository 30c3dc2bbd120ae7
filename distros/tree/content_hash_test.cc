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

Sha256Digest HashInPieces(const std::string& content, size_t piece, int64_t size = INT64_MAX) {
  ContentHash hash;
  for (size_t at = 0; at < content.size(); at += piece) {
    hash.Write(static_cast<int64_t>(at), std::string_view(content).substr(at, piece), size);
  }
  return hash.Finish(static_cast<int64_t>(content.size()));
}

TEST(ContentHash, DoesNotDependOnHowTheContentIsCut) {
  const std::string content = Noise(300'001);
  const Sha256Digest whole = HashInPieces(content, content.size());
  for (const size_t piece : {1u, 511u, 4096u, 65535u, 65536u, 65537u, 200000u}) {
    EXPECT_EQ(HashInPieces(content, piece), whole) << piece;
    EXPECT_EQ(HashInPieces(content, piece, 300'001), whole) << piece;
  }
}

TEST(ContentHash, AHoleIsTheSameAsItsZeros) {
  for (const size_t hole_start : {0u, 100u, 65536u, 70000u}) {
    for (const size_t hole_size : {1u, 4096u, 65536u, 200000u}) {
      std::string content = Noise(300'000);
      std::fill_n(content.begin() + static_cast<ptrdiff_t>(hole_start), hole_size, '\0');
      ContentHash hash;
      hash.Write(0, std::string_view(content).substr(0, hole_start));
      hash.Write(static_cast<int64_t>(hole_start + hole_size),
                 std::string_view(content).substr(hole_start + hole_size));
      EXPECT_EQ(hash.Finish(300'000), HashInPieces(content, 300'000)) << hole_start << " " << hole_size;
    }
  }
}

TEST(ContentHash, AHoleAtTheEndIsTheSameAsItsZeros) {
  std::string content = Noise(100'000);
  std::fill(content.begin() + 90'000, content.end(), '\0');
  ContentHash hash;
  hash.Write(0, std::string_view(content).substr(0, 90'000));
  EXPECT_EQ(hash.Finish(100'000), HashInPieces(content, 1000));
}

TEST(ContentHash, SizeAndPlaceCount) {
  ContentHash hash;
  const Sha256Digest empty = hash.Finish(0);
  const Sha256Digest one_zero = hash.Finish(1);
  EXPECT_NE(empty, one_zero);
  hash.Write(0, "x");
  const Sha256Digest at_start = hash.Finish(2 * kMiB);
  hash.Write(kMiB, "x");
  const Sha256Digest in_the_middle = hash.Finish(2 * kMiB);
  hash.Write(1, "x");
  const Sha256Digest second_byte = hash.Finish(2 * kMiB);
  EXPECT_NE(at_start, in_the_middle);
  EXPECT_NE(at_start, second_byte);
  hash.Write(0, "x");
  EXPECT_EQ(hash.Finish(2 * kMiB), at_start);
}

TEST(ContentHash, AnEnormousHoleCostsNothing) {
  ContentHash hash;
  hash.Write(int64_t{1} << 50, "x");
  EXPECT_NE(hash.Finish((int64_t{1} << 50) + 1), hash.Finish((int64_t{1} << 50) + 1));
}

}  // namespace
}  // namespace wslm
