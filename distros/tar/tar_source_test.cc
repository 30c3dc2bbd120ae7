#include "distros/tar/tar_source.h"

#include <archive.h>
#include <archive_entry.h>

#include "distros/host/error.h"
#include "distros/host/test_bytes.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/test_tar.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<std::vector<TestFile>> ReadTar(std::string bytes, size_t piece = 65536) {
  absl::StatusOr<std::unique_ptr<Source>> source =
      OpenTarSource(std::make_unique<StringSource>(std::move(bytes), piece), "x.tar");
  if (!source.ok()) return source.status();
  TestSink sink;
  const absl::StatusOr<TransferResult> result = Transfer(**source, sink, {});
  if (!result.ok()) return result.status();
  return sink.files;
}

std::string ReasonOfTar(const std::string& bytes) { return ReasonOf(ReadTar(bytes).status()); }

// The archive of some files, made by our own sink.
std::string MakeTar(TarCompression compression) {
  std::string bytes;
  absl::StatusOr<std::unique_ptr<Sink>> sink = OpenTarSink(std::make_unique<StringSink>(bytes), compression);
  EXPECT_TRUE(sink.ok()) << sink.status();
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i * 7919);
  TestSource source({Folder(""), Folder("etc"), File("etc/a", "first"), File("etc/b", content), File("etc/c", "last")});
  EXPECT_TRUE(Transfer(source, **sink, {}).ok());
  return bytes;
}

TEST(TarSource, ReadsAPlainArchiveInPiecesOfAnySize) {
  const std::string tar = TarMember({.name = "./", .type = '5', .mode = 0755}) +
                          TarMember({.name = "./a", .content = "content", .mode = 04755}) + TarEnd();
  for (const size_t piece : {1u, 7u, 512u, 100000u}) {
    const absl::StatusOr<std::vector<TestFile>> files = ReadTar(tar, piece);
    ASSERT_TRUE(files.ok()) << files.status();
    ASSERT_EQ(files->size(), 2u);
    EXPECT_EQ((*files)[0].entry.path, "");
    EXPECT_EQ((*files)[0].entry.type, FileType::kDirectory);
    EXPECT_EQ((*files)[1].entry.path, "a");
    EXPECT_EQ((*files)[1].entry.mode, 04755);
    EXPECT_EQ((*files)[1].blocks[0].second, "content");
  }
}

TEST(TarSource, AnArchiveThatEndsAnywhereBeforeItsEndIsCorrupt) {
  const std::string tar = TarMember({.name = "a", .content = std::string(2000, 'x')}) + TarMember({.name = "b"}) +
                          PaxHeader("path", "c") + TarMember({.name = "x"}) + TarEnd();
  ASSERT_TRUE(ReadTar(tar).ok());
  for (size_t size = 512; size < tar.size() - 1024; size += 64) {
    EXPECT_EQ(ReasonOfTar(tar.substr(0, size)), reason::kCorruptSource) << size;
  }
  const absl::Status at_border = ReadTar(tar.substr(0, 512 + 2048)).status();
  EXPECT_THAT(std::string(at_border.message()), HasSubstr("ends without the mark"));
}

TEST(TarSource, OneBlockOfZerosIsEndEnough) {
  EXPECT_TRUE(ReadTar(TarMember({.name = "a"}) + std::string(512, '\0')).ok());
}

TEST(TarSource, WhatComesBehindTheEndIsReadAndLeftOut) {
  EXPECT_TRUE(ReadTar(TarMember({.name = "a"}) + TarEnd() + std::string(3'000'000, '\0')).ok());
}

TEST(TarSource, CompressedArchivesAreKnownByContentAndMustBeWhole) {
  for (const TarCompression compression : {TarCompression::kGzip, TarCompression::kXz, TarCompression::kZstd,
                                           TarCompression::kBzip2, TarCompression::kLz4}) {
    const std::string tar = MakeTar(compression);
    const absl::StatusOr<std::vector<TestFile>> files = ReadTar(tar);
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_EQ(files->size(), 5u);
    for (const size_t cut : {size_t{1}, size_t{4}, size_t{9}, size_t{30}, tar.size() / 2, tar.size() - 20}) {
      EXPECT_EQ(ReasonOfTar(tar.substr(0, tar.size() - cut)), reason::kCorruptSource)
          << static_cast<int>(compression) << " less " << cut;
    }
  }
}

TEST(TarSource, AWrongBitInACompressedArchiveIsFound) {
  for (const TarCompression compression : {TarCompression::kGzip, TarCompression::kXz}) {
    std::string tar = MakeTar(compression);
    const std::vector<TestFile> good = *ReadTar(tar);
    for (size_t at = 20; at < tar.size(); at += tar.size() / 23) {
      tar[at] ^= 0x10;
      EXPECT_EQ(ReasonOfTar(tar), reason::kCorruptSource) << at;
      tar[at] ^= 0x10;
    }
  }
}

TEST(TarSource, GzipInSeveralMembersAndWithPadding) {
  const std::string tar = MakeTar(TarCompression::kGzip);
  EXPECT_TRUE(ReadTar(tar + std::string(10000, '\0')).ok());
  EXPECT_TRUE(ReadTar(tar + tar).ok());
  EXPECT_EQ(ReasonOfTar(tar + tar.substr(0, 100)), reason::kCorruptSource);
}

TEST(TarSource, WhatIsNoTarArchiveIsNamed) {
  const auto detected = [](std::string bytes) {
    const absl::Status status = ReadTar(std::move(bytes)).status();
    EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat);
    EXPECT_THAT(std::string(status.message()), HasSubstr("x.tar is "));
    return MetadataOf(status)["detected"];
  };
  std::string ext4(4096, '\0');
  ext4.replace(1080, 2, "\x53\xEF");
  EXPECT_EQ(detected(""), "empty");
  EXPECT_EQ(detected("root:x:0:0\n"), "text");
  EXPECT_EQ(detected("PK\x03\x04 and so on"), "zip");
  EXPECT_EQ(detected("hsqs and so on"), "squashfs");
  EXPECT_EQ(detected("QFI\xFB and so on"), "qcow2");
  EXPECT_EQ(detected("vhdxfile"), "vhdx");
  EXPECT_EQ(detected("conectix"), "vhd");
  EXPECT_EQ(detected(ext4), "ext4");
  EXPECT_EQ(detected(std::string(1 << 20, '\0')), "unknown");
  EXPECT_EQ(detected(std::string(5000, '\x01')), "unknown");
}

TEST(TarSource, AnArchiveWithoutMembersIsNoDistro) {
  EXPECT_EQ(ReasonOfTar(std::string(10240, '\0')), reason::kNotADistro);
}

TEST(TarSource, TheSourcesOwnErrorComesThrough) {
  const std::string tar = TarMember({.name = "a", .content = std::string(300'000, 'x')});
  const absl::Status broken = Error(absl::StatusCode::kInternal, reason::kIoError, "The disk is broken.");
  absl::StatusOr<std::unique_ptr<Source>> source =
      OpenTarSource(std::make_unique<StringSource>(tar, 65536, broken), "x.tar");
  ASSERT_TRUE(source.ok());
  TestSink sink;
  EXPECT_EQ(ReasonOf(Transfer(**source, sink, {}).status()), reason::kIoError);
}

TEST(TarSource, MayBeLeftBeforeItsEnd) {
  absl::StatusOr<std::unique_ptr<Source>> source =
      OpenTarSource(std::make_unique<StringSource>(MakeTar(TarCompression::kXz)), "x.tar");
  ASSERT_TRUE(source.ok());
  Entry entry;
  EXPECT_TRUE(*(*source)->Next(entry));
}

TEST(TarSource, TellsHowFarItIs) {
  const std::string tar = MakeTar(TarCompression::kGzip);
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(std::make_unique<StringSource>(tar), "x.tar");
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*source)->total(), static_cast<int64_t>(tar.size()));
  ASSERT_TRUE(DigestOf(**source, {}).ok());
  EXPECT_EQ((*source)->position(), static_cast<int64_t>(tar.size()));
}

TEST(TarSource, PathsThatLeadOutAreRefusedAndAbsoluteOnesMadeRelative) {
  for (const char* path : {"../x", "a/../../x", "a/..", "/../x", ".."}) {
    const absl::Status status = ReadTar(TarMember({.name = path}) + TarEnd()).status();
    EXPECT_EQ(ReasonOf(status), reason::kCorruptSource) << path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
  EXPECT_EQ((*ReadTar(TarMember({.name = "/etc//passwd"}) + TarEnd()))[0].entry.path, "etc/passwd");
  EXPECT_EQ(ReasonOfTar(TarMember({.name = "a", .type = '1', .link = "../../etc/passwd"}) + TarEnd()),
            reason::kCorruptSource);
  // Where a symlink leads is the guest's affair.
  EXPECT_EQ((*ReadTar(TarMember({.name = "a", .type = '2', .link = "../../etc"}) + TarEnd()))[0].entry.symlink_target,
            "../../etc");
}

TEST(TarSource, HardLinksWithoutATargetAreRefused) {
  EXPECT_EQ(ReasonOfTar(TarMember({.name = "a", .type = '1', .link = "missing"}) + TarEnd()), reason::kCorruptSource);
  EXPECT_EQ(ReasonOfTar(TarMember({.name = "a", .type = '1', .link = "a"}) + TarEnd()), reason::kCorruptSource);
  EXPECT_EQ(ReasonOfTar(TarMember({.name = "a", .type = '1', .link = "/"}) + TarEnd()), reason::kCorruptSource);
  EXPECT_TRUE(
      ReadTar(TarMember({.name = "./a"}) + TarMember({.name = "b", .type = '1', .link = "/a"}) + TarEnd()).ok());
}

TEST(TarSource, WhatLiesBelowALinkComesToWhereThatLeadsWithinTheTree) {
  const auto files = ReadTar(TarMember({.name = "a", .type = '2', .link = "/etc"}) + TarMember({.name = "a/passwd"}) +
                             TarMember({.name = "b", .type = '1', .link = "a/passwd"}) + TarEnd());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)[1].entry.path, "etc/passwd");
  EXPECT_EQ((*files)[2].entry.hard_link_to, "etc/passwd");
  EXPECT_EQ(
      ReasonOfTar(TarMember({.name = "a", .type = '2', .link = "a"}) + TarMember({.name = "a/passwd"}) + TarEnd()),
      reason::kCorruptSource);
}

TEST(TarSource, WhatLiesBelowAFileIsRefused) {
  EXPECT_EQ(ReasonOfTar(TarMember({.name = "a"}) + TarMember({.name = "a/b"}) + TarEnd()), reason::kCorruptSource);
}

TEST(TarSource, AFileMayReplaceAFolder) {
  EXPECT_TRUE(
      ReadTar(TarMember({.name = "a/", .type = '5'}) + TarMember({.name = "a/b"}) + TarMember({.name = "a"}) + TarEnd())
          .ok());
}

TEST(TarSource, TheMapOfASparseFileMayNotGoOnWithoutEnd) {
  // Each of its pieces would cost libarchive and us some hundred bytes of memory.
  std::string map = "99999999\n";
  while (map.size() < size_t{6} << 20) map += "0\n0\n";
  const auto sparse = [](const std::string& content) {
    const std::string records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.realsize=99\n";
    return ReadTar(TarMember({.name = "pax", .type = 'x', .content = records}) +
                   TarMember({.name = "x", .content = content}) + TarEnd());
  };
  const absl::Status status = sparse(map).status();
  EXPECT_EQ(ReasonOf(status), reason::kCorruptSource);
  EXPECT_THAT(std::string(status.message()), HasSubstr("has no end"));
}

TEST(TarSource, WhatIsCompressedTwiceIsRefused) {
  for (const auto filter :
       {archive_write_add_filter_gzip, archive_write_add_filter_xz, archive_write_add_filter_zstd}) {
    const std::string once = MakeTar(TarCompression::kXz);
    std::string twice(1 << 20, '\0');
    size_t used = 0;
    archive* writer = archive_write_new();
    filter(writer);
    archive_write_set_format_raw(writer);
    ASSERT_EQ(archive_write_open_memory(writer, twice.data(), twice.size(), &used), ARCHIVE_OK);
    archive_entry* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(writer, once.data(), once.size()), static_cast<la_ssize_t>(once.size()));
    archive_entry_free(entry);
    ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK);
    archive_write_free(writer);
    twice.resize(used);
    const absl::Status status = ReadTar(twice).status();
    EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat) << status;
  }
}

TEST(TarSource, NamesThatCannotBeAreRefused) {
  EXPECT_EQ(ReasonOfTar(PaxHeader("path", std::string(300, 'n')) + TarMember({.name = "x"}) + TarEnd()),
            reason::kCorruptSource);
  EXPECT_TRUE(ReadTar(PaxHeader("path", std::string(255, 'n')) + TarMember({.name = "x"}) + TarEnd()).ok());
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "d/";
  EXPECT_EQ(ReasonOfTar(PaxHeader("path", deep) + TarMember({.name = "x"}) + TarEnd()), reason::kCorruptSource);
}

TEST(TarSource, ANulEndsANameOrIsRefusedButNeverReachesASink) {
  const absl::StatusOr<std::vector<TestFile>> files =
      ReadTar(PaxHeader("path", std::string_view("a\0b", 3)) + TarMember({.name = "x"}) + TarEnd());
  if (files.ok()) {
    EXPECT_EQ((*files)[0].entry.path.find('\0'), std::string::npos);
  }
}

TEST(TarSource, NamesAreBytes) {
  const std::vector<TestFile> files = *ReadTar(TarMember({.name = "latin\xE9"}) + PaxHeader("path", "pax\xFF\xFE") +
                                               TarMember({.name = "x"}) + TarMember({.name = "utf8 \xC3\xA4"}) +
                                               TarMember({.name = "link", .type = '2', .link = "to\xFF"}) + TarEnd());
  std::vector<std::string> paths;
  for (const TestFile& file : files) paths.push_back(file.entry.path);
  EXPECT_THAT(paths, ElementsAre("latin\xE9", "pax\xFF\xFE", "utf8 \xC3\xA4", "link"));
  EXPECT_EQ(files[3].entry.symlink_target, "to\xFF");
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(
      std::make_unique<StringSource>(PaxHeader("path", "\xFF") + TarMember({.name = "x"}) + TarEnd()), "x.tar");
  ASSERT_TRUE(DigestOf(**source, {}).ok());
  EXPECT_THAT((*source)->warnings(), IsEmpty());
}

// "ä" as one character and as an "a" with dots, and a sign (Kelvin) whose normal form is ASCII.
constexpr char kComposed[] = "\xC3\xA4";
constexpr char kDecomposed[] = "a\xCC\x88";
constexpr char kKelvin[] = "\xE2\x84\xAA";

TEST(TarSource, NamesKeepTheirUnicodeForm) {
  for (const char* name : {kComposed, kDecomposed, kKelvin, "\xFF\xFE", "\xED\xA0\x80"}) {
    const std::string long_name = std::string(120, 'x') + "/" + name;
    const absl::StatusOr<std::vector<TestFile>> files = ReadTar(
        TarMember({.name = name}) + TarMember({.name = "hard", .type = '1', .link = name}) +
        PaxHeader("path", long_name) + TarMember({.name = "x"}) + PaxHeader("linkpath", long_name) +
        TarMember({.name = "pax hard", .type = '1'}) + PaxHeader("linkpath", long_name) +
        TarMember({.name = "pax soft", .type = '2'}) +
        TarMember({.name = "././@LongLink", .type = 'L', .content = long_name + "2"}) + TarMember({.name = "x"}) +
        TarMember({.name = "././@LongLink", .type = 'K', .content = long_name + "2"}) +
        TarMember({.name = "gnu hard", .type = '1'}) + TarEnd());
    ASSERT_TRUE(files.ok()) << name << ": " << files.status();
    ASSERT_EQ(files->size(), 7u);
    EXPECT_EQ((*files)[0].entry.path, name);
    EXPECT_EQ((*files)[1].entry.hard_link_to, name);
    EXPECT_EQ((*files)[2].entry.path, long_name);
    EXPECT_EQ((*files)[3].entry.hard_link_to, long_name);
    EXPECT_EQ((*files)[4].entry.symlink_target, long_name);
    EXPECT_EQ((*files)[5].entry.path, long_name + "2");
    EXPECT_EQ((*files)[6].entry.hard_link_to, long_name + "2");
  }
}

// Warnings about a header with a name that is not ASCII: those of others count as ever.
TEST(TarSource, ANameHidesNoWarning) {
  const auto warnings = [](std::string tar) {
    absl::StatusOr<std::unique_ptr<Source>> source =
        OpenTarSource(std::make_unique<StringSource>(std::move(tar), 512), "x.tar");
    EXPECT_TRUE(DigestOf(**source, {}).ok());
    return (*source)->warnings();
  };
  EXPECT_THAT(warnings(PaxHeader("path", kDecomposed) + TarMember({.name = "x"}) + TarEnd()), IsEmpty());
  const std::string acl = "user::rw-,user:j\xC3\xB6rg:rw-:1000,group::r--,mask::rw-,other::r--";
  EXPECT_THAT(
      warnings(PaxHeaders({{"SCHILY.acl.access", acl}, {"path", kDecomposed}}) + TarMember({.name = "x"}) + TarEnd()),
      IsEmpty());
  std::vector<std::pair<std::string, std::string>> records = {
      {"GNU.sparse.size", "1024"}, {"GNU.sparse.map", "0,512,x"}, {"path", kDecomposed}};
  const std::string member = TarMember({.name = "x", .content = std::string(512, 'x')}) + TarEnd();
  EXPECT_EQ(ReasonOfTar(PaxHeaders(records) + member), reason::kCorruptSource);
  // Also in a header of several hundred KiB, of which the reader's last pieces hold the end only.
  for (int i = 0; i < 15; ++i) records.emplace_back("SCHILY.xattr.user." + std::to_string(i), std::string(60'000, 'x'));
  EXPECT_EQ(ReasonOfTar(PaxHeaders(records) + member), reason::kCorruptSource);
}

TEST(TarSource, LargeSizesAreRead) {
  // 10 GiB in GNU's binary form and in pax; the content that should follow does not matter to the header.
  std::string binary(12, '\0');
  binary[0] = '\x80';
  binary[7] = '\x02';
  binary[8] = '\x80';
  for (const std::string& tar :
       {TarMember({.name = "a", .size_field = binary}), PaxHeader("size", "10737418240") + TarMember({.name = "a"})}) {
    absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(std::make_unique<StringSource>(tar), "x.tar");
    ASSERT_TRUE(source.ok()) << source.status();
    Entry entry;
    ASSERT_TRUE(*(*source)->Next(entry));
    EXPECT_EQ(entry.size, int64_t{10} << 30);
  }
}

TEST(TarSource, OwnersAre32BitsAndNoMore) {
  const auto uid = [](const char* text) {
    return ReadTar(PaxHeader("uid", text) + TarMember({.name = "a"}) + TarEnd());
  };
  EXPECT_EQ((*uid("4294967294"))[0].entry.uid, 4294967294u);
  EXPECT_EQ((*uid("3000000"))[0].entry.uid, 3000000u);
  EXPECT_EQ(ReasonOf(uid("4294967295").status()), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(uid("4294967296").status()), reason::kCorruptSource);
}

TEST(TarSource, XattrsInBothFormsAndAcls) {
  const std::string value("\x00\x01\xFF=\n", 5);
  const std::vector<TestFile> files =
      *ReadTar(PaxHeader("SCHILY.xattr.user.a", value) + TarMember({.name = "schily"}) +
               PaxHeader("LIBARCHIVE.xattr.user.%61b", "AAH/PQo") + TarMember({.name = "libarchive"}) +
               PaxHeader("SCHILY.acl.access", "user::rw-,user:1234:rw-,group::r--,mask::rw-,other::r--") +
               TarMember({.name = "acl", .mode = 0664}) + TarEnd());
  EXPECT_EQ(files[0].entry.xattrs.at("user.a"), value);
  EXPECT_EQ(files[1].entry.xattrs.at("user.ab"), value);
  const std::string acl = files[2].entry.xattrs.at("system.posix_acl_access");
  EXPECT_EQ(acl, std::string("\x02\0\0\0"
                             "\x01\0\x06\0\xFF\xFF\xFF\xFF"
                             "\x02\0\x06\0\xD2\x04\0\0"
                             "\x04\0\x04\0\xFF\xFF\xFF\xFF"
                             "\x10\0\x06\0\xFF\xFF\xFF\xFF"
                             "\x20\0\x04\0\xFF\xFF\xFF\xFF",
                             44));
  // The mode has the mask, as stat shows it.
  EXPECT_EQ(files[2].entry.mode, 0664);
}

TEST(TarSource, AnAclOfNamesWithoutNumbersIsLeftOutWithAWarning) {
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(
      std::make_unique<StringSource>(
          PaxHeader("SCHILY.acl.access", "user::rw-,user:nobody-here:rw-,group::r--,mask::rw-,other::r--") +
          TarMember({.name = "a"}) + TarEnd()),
      "x.tar");
  Entry entry;
  ASSERT_TRUE(*(*source)->Next(entry));
  EXPECT_EQ(entry.xattrs.size(), 0u);
  EXPECT_THAT((*source)->warnings(), ElementsAre(HasSubstr("access control list")));
}

TEST(TarSource, AnExtendedHeaderThatCannotBeReadIsCorruptSinceItMayHaveHeldTheName) {
  for (const char* records : {"0 path=x\n", "path=x\n", "99999 path=x\n", "7 patx\n", "x"}) {
    EXPECT_EQ(
        ReasonOfTar(TarMember({.name = "pax", .type = 'x', .content = records}) + TarMember({.name = "a"}) + TarEnd()),
        reason::kCorruptSource)
        << records;
  }
}

TEST(TarSource, ADamagedHeaderIsCorrupt) {
  std::string tar = TarMember({.name = "a"}) + TarMember({.name = "b"}) + TarEnd();
  tar[600] ^= 1;
  EXPECT_EQ(ReasonOfTar(tar), reason::kCorruptSource);
}

// Nothing that comes in may end the process or reach a sink unchecked: the answers are errors or trees.
TEST(TarSource, SurvivesRandomDamage) {
  const std::string good = TarMember({.name = "./", .type = '5'}) + PaxHeader("SCHILY.xattr.user.a", "x") +
                           TarMember({.name = "a", .content = "content"}) + PaxHeader("path", "long") +
                           TarMember({.name = "b", .type = '1', .link = "a"}) + TarMember({.name = "n", .type = '3'}) +
                           PaxHeader("GNU.sparse.map", "0,1,5,1") + TarMember({.name = "s", .content = "ab"}) +
                           TarEnd();
  uint32_t state = 12345;
  const auto random = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    for (uint32_t j = random() % 8 + 1; j > 0; --j) {
      const size_t block = random() % (bad.size() / 512) * 512;
      bad[block + random() % 512] = static_cast<char>(random());
      // A right checksum, so that the damage gets past it.
      unsigned sum = 8 * ' ';
      for (size_t k = 0; k < 512; ++k) sum += k >= 148 && k < 156 ? 0 : static_cast<unsigned char>(bad[block + k]);
      char digits[8];
      std::snprintf(digits, sizeof(digits), "%06o", sum & 0777777);
      std::memcpy(bad.data() + block + 148, digits, 7);
    }
    const absl::StatusOr<std::vector<TestFile>> files = ReadTar(bad);
    if (files.ok()) continue;
    const std::string reason = ReasonOf(files.status());
    EXPECT_TRUE(reason == reason::kCorruptSource || reason == reason::kUnsupportedFormat ||
                reason == reason::kNotADistro)
        << files.status();
  }
}

}  // namespace
}  // namespace wslm
