#include "runtime-v1/init/p9/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>

namespace wslm::p9 {
namespace {

constexpr uint16_t kTag = 7;

// A folder that is served, and one beside it that must never be.
class P9Test : public ::testing::Test {
 protected:
  P9Test() {
    std::string name = "/tmp/wslm-p9-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    std::filesystem::create_directories(root() + "/folder/deep");
    std::filesystem::create_directory(base_ + "/outside");
    Write(base_ + "/outside/secret", "secret");
    Write(root() + "/file", "content");
    std::filesystem::create_symlink("../outside", root() + "/out");
    std::filesystem::create_symlink("/", root() + "/top");
    EXPECT_EQ(::mkfifo((root() + "/fifo").c_str(), 0600), 0);
    server_.emplace(UniqueFd(::open(root().c_str(), O_PATH | O_DIRECTORY)), Limits{.fids = 64});
    Begin(kVersion);
    out_.U32(65536);
    out_.String("9P2000.L");
    EXPECT_EQ(Send(), 0);
    EXPECT_EQ(Attach(1), 0);
  }
  ~P9Test() override { std::filesystem::remove_all(base_); }

  std::string root() const { return base_ + "/root"; }
  static void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  void Begin(Type type) {
    type_ = type;
    out_.Begin(type, kTag);
  }
  // The errno of the answer; else in_ is after its header.
  int Send() {
    answer_ = server_->Handle(out_.Take());
    in_ = Reader(answer_);
    EXPECT_EQ(in_.U32(), answer_.size());
    const uint8_t type = in_.U8();
    EXPECT_EQ(in_.U16(), kTag);
    if (type == kLError) return static_cast<int>(in_.U32());
    EXPECT_EQ(type, type_ + 1);
    return 0;
  }

  int Attach(uint32_t fid) {
    Begin(kAttach);
    out_.U32(fid);
    out_.U32(kNone);
    out_.String("me");
    out_.String("/");
    out_.U32(kNone);
    return Send();
  }
  // As many names as were walked, or a negative errno.
  int Walk(uint32_t from, uint32_t to, const std::vector<std::string>& names) {
    Begin(kWalk);
    out_.U32(from);
    out_.U32(to);
    out_.U16(static_cast<uint16_t>(names.size()));
    for (const std::string& name : names) out_.String(name);
    const int error = Send();
    return error != 0 ? -error : in_.U16();
  }
  int Open(uint32_t fid, uint32_t flags) {
    Begin(kLOpen);
    out_.U32(fid);
    out_.U32(flags);
    return Send();
  }
  int Clunk(uint32_t fid) {
    Begin(kClunk);
    out_.U32(fid);
    return Send();
  }
  std::string ReadAt(uint32_t fid, uint64_t offset, uint32_t count, Type type = kRead) {
    Begin(type);
    out_.U32(fid);
    out_.U64(offset);
    out_.U32(count);
    if (int error = Send()) return "error " + std::to_string(error);
    return std::string(in_.Bytes(in_.U32()));
  }
  int WriteAt(uint32_t fid, uint64_t offset, const std::string& text) {
    Begin(kWrite);
    out_.U32(fid);
    out_.U64(offset);
    out_.U32(static_cast<uint32_t>(text.size()));
    out_.Append(text);
    return Send();
  }
  int UnlinkAt(uint32_t folder, const std::string& name, uint32_t flags = 0) {
    Begin(kUnlinkAt);
    out_.U32(folder);
    out_.String(name);
    out_.U32(flags);
    return Send();
  }

  std::string base_;
  std::optional<Server> server_;
  Writer out_;
  Reader in_{""};
  std::string answer_;
  uint8_t type_ = 0;
};

TEST_F(P9Test, AFileIsFoundOpenedAndRead) {
  EXPECT_EQ(Walk(1, 2, {"file"}), 1);
  EXPECT_EQ(Open(2, O_RDONLY), 0);
  EXPECT_EQ(ReadAt(2, 0, 100), "content");
  EXPECT_EQ(ReadAt(2, 3, 2), "te");
  EXPECT_EQ(ReadAt(2, 100, 2), "");
  EXPECT_EQ(WriteAt(2, 0, "x"), EBADF);
  EXPECT_EQ(Clunk(2), 0);
  EXPECT_EQ(Clunk(2), EBADF);
}

TEST_F(P9Test, WalksNeverLeaveTheRoot) {
  EXPECT_EQ(Walk(1, 2, {"..", "..", "outside"}), 2) << "above the root is the root";
  EXPECT_EQ(Walk(1, 2, {"out", "secret"}), 1) << "a link is no folder";
  EXPECT_EQ(Walk(1, 2, {"top", "etc"}), 1);
  for (const char* bad : {"../outside", "/etc", "folder/deep", ".", ""}) EXPECT_EQ(Walk(1, 2, {bad}), -ENOENT) << bad;
  EXPECT_EQ(Walk(1, 2, {std::string("file\0x", 6)}), -ENOENT);
  EXPECT_EQ(Walk(1, 3, {"folder", "deep"}), 2);
  // It is moved away while it is held.
  std::filesystem::rename(root() + "/folder/deep", base_ + "/outside/deep");
  EXPECT_EQ(Walk(3, 4, {".."}), -ENOENT);
  EXPECT_EQ(Walk(1, 5, {"folder", "..", "file"}), 3);
}

TEST_F(P9Test, LinksAreShownAndNeverFollowed) {
  EXPECT_EQ(Walk(1, 2, {"out"}), 1);
  EXPECT_EQ(Open(2, O_RDONLY), ELOOP);
  Begin(kReadLink);
  out_.U32(2);
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(in_.String(), "../outside");
  Begin(kLCreate);
  out_.U32(2);
  out_.String("new");
  out_.U32(O_WRONLY);
  out_.U32(0644);
  out_.U32(0);
  EXPECT_EQ(Send(), ENOTDIR);
  EXPECT_FALSE(std::filesystem::exists(base_ + "/outside/new"));
  Begin(kReadLink);
  out_.U32(1);
  EXPECT_EQ(Send(), EINVAL);
}

TEST_F(P9Test, WhatCouldBlockIsNotOpened) {
  EXPECT_EQ(Walk(1, 2, {"fifo"}), 1);
  EXPECT_EQ(Open(2, O_RDONLY), ENXIO);
  Begin(kLCreate);
  out_.U32(1);
  out_.String("fifo");
  out_.U32(O_WRONLY);
  out_.U32(0644);
  out_.U32(0);
  EXPECT_EQ(Send(), ENXIO);
  Begin(kSetAttr);
  out_.U32(2);
  out_.U32(8);  // size
  for (int i = 0; i < 3; ++i) out_.U32(0);
  for (int i = 0; i < 5; ++i) out_.U64(0);
  EXPECT_EQ(Send(), EINVAL);
}

TEST_F(P9Test, FilesAreMadeWrittenAndRemoved) {
  EXPECT_EQ(Walk(1, 2, {}), 0);
  Begin(kLCreate);
  out_.U32(2);
  out_.String("new");
  out_.U32(O_RDWR | O_EXCL);
  out_.U32(0640);
  out_.U32(0);
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(WriteAt(2, 0, "hello"), 0);
  EXPECT_EQ(in_.U32(), 5u);
  EXPECT_EQ(ReadAt(2, 1, 3), "ell");
  EXPECT_EQ(std::filesystem::file_size(root() + "/new"), 5u);
  Begin(kFSync);
  out_.U32(2);
  out_.U32(0);
  EXPECT_EQ(Send(), 0);
  Begin(kRemove);
  out_.U32(2);
  EXPECT_EQ(Send(), 0);
  EXPECT_FALSE(std::filesystem::exists(root() + "/new"));
  EXPECT_EQ(Clunk(2), EBADF);
}

TEST_F(P9Test, AFolderIsReadPieceByPiece) {
  for (int i = 0; i < 300; ++i) Write(root() + "/folder/some-file-" + std::to_string(i), "");
  EXPECT_EQ(Walk(1, 2, {"folder"}), 1);
  EXPECT_EQ(ReadAt(2, 0, 4096, kReadDir), "error " + std::to_string(EBADF));
  EXPECT_EQ(Open(2, O_RDONLY | O_DIRECTORY), 0);
  std::map<std::string, int> names;
  uint64_t offset = 0;
  for (std::string piece; !(piece = ReadAt(2, offset, 500, kReadDir)).empty();) {
    ASSERT_LE(piece.size(), 500u);
    Reader entries(piece);
    while (true) {
      entries.Bytes(13);
      const uint64_t next = entries.U64();
      entries.U8();
      const std::string name = entries.String();
      if (!entries.ok()) break;
      offset = next;
      ++names[name];
    }
  }
  EXPECT_EQ(names.size(), 303u);
  for (const auto& [name, count] : names) EXPECT_EQ(count, 1) << name;
  EXPECT_EQ(ReadAt(2, 0, 10, kReadDir), "error " + std::to_string(EINVAL));
}

TEST_F(P9Test, AttributesAreToldAndSet) {
  EXPECT_EQ(Walk(1, 2, {"file"}), 1);
  Begin(kSetAttr);
  out_.U32(2);
  out_.U32(0x1 | 0x8 | 0x20 | 0x100);
  out_.U32(0604);
  out_.U32(0);
  out_.U32(0);
  out_.U64(3);
  out_.U64(0);
  out_.U64(0);
  out_.U64(1000000000);
  out_.U64(5);
  EXPECT_EQ(Send(), 0);
  Begin(kGetAttr);
  out_.U32(2);
  out_.U64(~0ULL);
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(in_.U64(), 0x7ffu);
  in_.Bytes(13);
  EXPECT_EQ(in_.U32(), static_cast<uint32_t>(S_IFREG | 0604));
  EXPECT_EQ(in_.U32(), ::getuid());
  EXPECT_EQ(in_.U32(), ::getgid());
  EXPECT_EQ(in_.U64(), 1u);
  in_.U64();
  EXPECT_EQ(in_.U64(), 3u);
  in_.Bytes(8 * 4);
  EXPECT_EQ(in_.U64(), 1000000000u);
  EXPECT_EQ(in_.U64(), 5u);
  in_.Bytes(8 * 6);
  EXPECT_TRUE(in_.ok());
  in_.Bytes(1);
  EXPECT_FALSE(in_.ok());
  Begin(kStatFs);
  out_.U32(2);
  EXPECT_EQ(Send(), 0);
}

TEST_F(P9Test, NamesAreMadeMovedAndTakenAway) {
  Begin(kMkDir);
  out_.U32(1);
  out_.String("made");
  out_.U32(0750);
  out_.U32(0);
  EXPECT_EQ(Send(), 0);
  Begin(kSymlink);
  out_.U32(1);
  out_.String("link");
  out_.String("a target");
  out_.U32(0);
  EXPECT_EQ(Send(), 0);
  Begin(kMkNod);
  out_.U32(1);
  out_.String("pipe");
  out_.U32(S_IFIFO | 0600);
  for (int i = 0; i < 3; ++i) out_.U32(0);
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(Walk(1, 2, {"file"}), 1);
  EXPECT_EQ(Walk(1, 3, {"made"}), 1);
  Begin(kLink);
  out_.U32(3);
  out_.U32(2);
  out_.String("hard");
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(std::filesystem::hard_link_count(root() + "/file"), 2u);
  Begin(kRename);
  out_.U32(2);
  out_.U32(3);
  out_.String("moved");
  EXPECT_EQ(Send(), 0);
  Begin(kRenameAt);
  out_.U32(3);
  out_.String("moved");
  out_.U32(1);
  out_.String("again");
  EXPECT_EQ(Send(), 0);
  EXPECT_TRUE(std::filesystem::exists(root() + "/again"));
  EXPECT_EQ(UnlinkAt(1, "made"), EISDIR);
  EXPECT_EQ(UnlinkAt(1, "made", AT_REMOVEDIR), ENOTEMPTY);
  EXPECT_EQ(UnlinkAt(3, "hard"), 0);
  EXPECT_EQ(UnlinkAt(1, "made", AT_REMOVEDIR), 0);
  EXPECT_EQ(UnlinkAt(1, "link"), 0);
  for (const char* bad : {"../outside/secret", "..", ".", "", "folder/deep"})
    EXPECT_EQ(UnlinkAt(1, bad), EINVAL) << bad;
  EXPECT_TRUE(std::filesystem::exists(base_ + "/outside/secret"));
}

TEST_F(P9Test, XattrsAreListedReadAndStored) {
  EXPECT_EQ(Walk(1, 2, {"file"}), 1);
  EXPECT_EQ(Walk(2, 3, {}), 0);
  Begin(kXattrCreate);
  out_.U32(3);
  out_.String("user.name");
  out_.U64(5);
  out_.U32(0);
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(WriteAt(3, 0, "val"), 0);
  EXPECT_EQ(WriteAt(3, 0, "xx"), EINVAL);
  EXPECT_EQ(WriteAt(3, 3, "too long"), EINVAL);
  EXPECT_EQ(WriteAt(3, 3, "ue"), 0);
  const int stored = Clunk(3);
  if (stored == EOPNOTSUPP) GTEST_SKIP() << "no user xattrs in /tmp here";
  EXPECT_EQ(stored, 0);
  Begin(kXattrWalk);
  out_.U32(2);
  out_.U32(4);
  out_.String("user.name");
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(in_.U64(), 5u);
  EXPECT_EQ(ReadAt(4, 1, 100), "alue");
  Begin(kXattrWalk);
  out_.U32(2);
  out_.U32(5);
  out_.String("");
  EXPECT_EQ(Send(), 0);
  EXPECT_NE(ReadAt(5, 0, 1000).find("user.name"), std::string::npos);
}

TEST_F(P9Test, LocksAreBetweenFids) {
  const auto lock = [this](uint32_t fid, uint8_t type) {
    Begin(kLock);
    out_.U32(fid);
    out_.U8(type);
    out_.U32(0);
    out_.U64(0);
    out_.U64(0);
    out_.U32(1);
    out_.String("client");
    if (int error = Send()) return -error;
    return static_cast<int>(in_.U8());
  };
  EXPECT_EQ(Walk(1, 2, {"file"}), 1);
  EXPECT_EQ(Walk(1, 3, {"file"}), 1);
  EXPECT_EQ(lock(2, 1), -EBADF);
  EXPECT_EQ(Open(2, O_RDWR), 0);
  EXPECT_EQ(Open(3, O_RDWR), 0);
  EXPECT_EQ(lock(2, 1), 0);
  EXPECT_EQ(lock(3, 1), 1);
  EXPECT_EQ(lock(3, 9), -EINVAL);
  Begin(kGetLock);
  out_.U32(3);
  out_.U8(1);
  out_.U64(0);
  out_.U64(0);
  out_.U32(1);
  out_.String("client");
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(in_.U8(), 1);
  EXPECT_EQ(lock(2, 2), 0);
  EXPECT_EQ(lock(3, 1), 0);
}

TEST_F(P9Test, FidsAreBounded) {
  uint32_t fid = 2;
  while (Walk(1, fid, {"file"}) == 1) ++fid;
  EXPECT_EQ(fid, 65u);
  EXPECT_EQ(Walk(1, fid, {"file"}), -ENFILE);
  EXPECT_EQ(Walk(1, 2, {"file"}), -EBADF) << "taken";
}

TEST_F(P9Test, AVersionForgetsAllAndAStrangeOneIsUnknown) {
  Begin(kVersion);
  out_.U32(1 << 30);
  out_.String("9P2000.L");
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(in_.U32(), kLargestMessage);
  EXPECT_EQ(Clunk(1), EBADF);
  Begin(kVersion);
  out_.U32(65536);
  out_.String("9P2000");
  EXPECT_EQ(Send(), 0);
  in_.U32();
  EXPECT_EQ(in_.String(), "unknown");
  Begin(kClunk);
  out_.U32(1);
  EXPECT_EQ(server_->Handle(out_.Take()), "") << "nothing before a version";
}

TEST_F(P9Test, WhatIsNoRequestIsAnError) {
  for (int type = 0; type < 256; ++type) {
    if (type == kVersion || type == kFlush) continue;
    out_.Begin(static_cast<uint8_t>(type), kTag);
    const std::string answer = server_->Handle(out_.Take());
    ASSERT_GE(answer.size(), 11u) << type;
    EXPECT_EQ(static_cast<uint8_t>(answer[4]), kLError) << type;
  }
}

}  // namespace
}  // namespace wslm::p9
