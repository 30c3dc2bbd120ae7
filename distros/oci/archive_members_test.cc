#include "distros/oci/archive_members.h"

#include <cstring>

#include "distros/host/error.h"
#include "distros/oci/test_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::map<std::string, ArchiveMember>> List(const std::string& tar) {
  const auto read = [&](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
    const std::string part = tar.substr(std::min(tar.size(), static_cast<size_t>(offset)), size);
    std::memcpy(buffer, part.data(), part.size());
    return part.size();
  };
  return ListMembers(read, static_cast<int64_t>(tar.size()), "x.tar");
}

TEST(ArchiveMembers, SaysWhereEachContentLies) {
  const std::string tar = TarMember(Dir("d")) + TarMember(Plain("./d/a", "content")) +
                          PaxHeader("path", std::string(200, 'p')) + TarMember(Plain("short", "second")) +
                          TarMember({.name = "././@LongLink", .type = 'L', .content = std::string(180, 'g') + '\0'}) +
                          TarMember(Plain("short", "third")) + TarMember(Soft("d/link", "../d/a")) +
                          TarMember(Hard("hard", "d/a")) + TarMember({.name = "fifo", .type = '6'}) + TarEnd();
  const auto members = List(tar);
  ASSERT_TRUE(members.ok()) << members.status();
  const auto content = [&](const std::string& name) {
    const ArchiveMember& member = members->at(name);
    return tar.substr(static_cast<size_t>(member.offset), static_cast<size_t>(member.size));
  };
  EXPECT_EQ(members->size(), 5u);
  EXPECT_EQ(content("d/a"), "content");
  EXPECT_EQ(content(std::string(200, 'p')), "second");
  EXPECT_EQ(content(std::string(180, 'g')), "third");
  EXPECT_EQ(members->at("d/link").link, "d/a");
  EXPECT_EQ(members->at("hard").link, "d/a");
}

TEST(ArchiveMembers, WhatIsCutOrDamagedIsCorrupt) {
  const std::string tar =
      TarMember(Plain("a", std::string(1000, 'x'))) + PaxHeader("path", "b") + TarMember(Plain("x", "y")) + TarEnd();
  for (size_t size = 512; size <= tar.size() - 1024; size += 128) EXPECT_FALSE(List(tar.substr(0, size)).ok()) << size;
  for (const std::string& bad : {
           TarMember({.name = "a", .size_field = std::string("\x80\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12)}),
           TarMember({.name = "a", .size_field = "77777777777"}),
           TarMember({.name = "a", .size_field = "nonsense"}),
           TarMember({.name = "../a"}),
           PaxHeader("size", "99999999999999999999") + TarMember({.name = "a"}),
           PaxHeader("GNU.sparse.major", "1") + TarMember({.name = "a"}),
           TarMember({.name = "x", .type = 'x', .content = "999999 path=a\n"}),
           TarMember({.name = "x", .type = 'x', .content = "3 =\n"}),
           TarMember({.name = "x", .type = 'x', .content = "nonsense"}),
       }) {
    const absl::Status status = List(bad + TarMember(Plain("b", "1")) + TarEnd()).status();
    EXPECT_EQ(ReasonOf(status), reason::kCorruptSource) << bad.substr(0, 20);
  }
}

}  // namespace
}  // namespace wslm
