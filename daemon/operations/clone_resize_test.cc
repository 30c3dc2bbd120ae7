// Clone, resize and trim; distros that are being made.
#include <algorithm>

#include "daemon/operations/test_world.h"
#include "distros/ext4/resize.h"

namespace wslm::daemon {
namespace {

class CloneResizeTest : public DistroOperationsTest {
 protected:
  std::string Image(const std::string& name) { return world_->registry->Find(name)->image(); }
  int64_t SizeOf(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::stat(Image(name).c_str(), &status), 0);
    return status.st_size;
  }
};

TEST_F(CloneResizeTest, ACloneIsTheSameInEachVersion) {
  for (const int from : {1, 2}) {
    const std::string name = absl::StrCat("from", from);
    ASSERT_TRUE(world_->Import(name, archive_, from)->has_response());
    for (const int to : {0, 1, 2}) {
      const std::string clone = absl::StrCat(name, "to", to);
      const auto operation = world_->Clone(name, clone, to);
      ASSERT_TRUE(operation.ok()) << operation.status();
      ASSERT_TRUE(operation->has_response()) << operation->error().message();
      EXPECT_EQ(operation->response().distro().version(), to == 0 ? from : to);
      EXPECT_EQ(operation->response().distro().flavor(), "testix");
      EXPECT_NE(world_->registry->Find(clone)->record.id, world_->registry->Find(name)->record.id);
      EXPECT_EQ(Digest(clone), Digest(name)) << from << " to " << to;
    }
  }
  EXPECT_EQ(SizeOf("from2to0"), kDisk) << "as large as the old one's";
}

TEST_F(CloneResizeTest, ACloneMayHaveADiskOfAnotherSize) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  ASSERT_TRUE(world_->Clone("a", "b", 2, 2 * kDisk)->has_response());
  EXPECT_EQ(SizeOf("b"), 2 * kDisk);
  EXPECT_EQ(Digest("a"), Digest("b"));
}

TEST_F(CloneResizeTest, ACloneIsRefusedWhereItCantBe) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("a", "A").status()), "DISTRO_EXISTS");
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("b", "c").status()), "DISTRO_NOT_FOUND");
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("a", "-x").status()), "INVALID_NAME");
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("a", "b", 1, kDisk).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("a", "b", 7).status()), "INVALID_ARGUMENT");
  const auto entry = *world_->registry->Find("a");
  ASSERT_TRUE(world_->instances.Acquire(entry, {}).ok());
  world_->v1.instance(entry.record.id)->fake_channel->AddSession("s-1", "bash");
  EXPECT_EQ(wslm::ReasonOf(world_->Clone("a", "b").status()), "DISTRO_RUNNING");
  EXPECT_EQ(world_->registry->List().size(), 1u);
}

TEST_F(CloneResizeTest, ACloneThatWasCutOffIsUndoneOrWasDone) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  const auto done = world_->Clone("a", "done");
  const auto undone = world_->Clone("a", "undone");
  ASSERT_TRUE(done->has_response() && undone->has_response());
  CutOff(*world_, *done, [](JournalRecord&) {});
  CutOff(*world_, *undone, [](JournalRecord&) {});
  const auto entry = *world_->registry->Find("undone");
  const std::string staging = ParentPath(entry.folder) + "/.staging-" + entry.record.id;
  world_.reset();
  ASSERT_EQ(::rename(entry.folder.c_str(), staging.c_str()), 0);
  world_.emplace(folder_ / "data");
  EXPECT_TRUE(world_->operations->Get(done->id())->has_response());
  EXPECT_EQ(ReasonOf(*world_->operations->Get(undone->id())), "INTERRUPTED");
  EXPECT_FALSE(PathExists(staging));
  EXPECT_EQ(Digest("done"), Digest("a"));
}

TEST_F(CloneResizeTest, ADiskGrowsAndShrinksAndKeepsItsContent) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  const std::string before = Digest("a");
  for (const int64_t size : {3 * kDisk, kDisk / 2}) {
    const auto operation = world_->Resize("a", size);
    ASSERT_TRUE(operation.ok()) << operation.status();
    ASSERT_TRUE(operation->has_response()) << operation->error().message();
    EXPECT_EQ(operation->response().distro().disk_size(), size);
    EXPECT_EQ(SizeOf("a"), size);
    EXPECT_EQ(Digest("a"), before);
  }
}

TEST_F(CloneResizeTest, WhatDoesNotFitIsToldWithTheLeastSize) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  WriteFile(folder_ / "root/home/large", std::string(size_t{30} << 20, 'x'));
  ASSERT_EQ(::system(absl::StrCat("tar -C ", folder_ / "root", " -cf ", archive_, " .").c_str()), 0);
  ASSERT_TRUE(world_->Import("b", archive_, 2)->has_response());
  const auto operation = world_->Resize("b", int64_t{16} << 20);
  ASSERT_EQ(ReasonOf(*operation), "INVALID_ARGUMENT");
  EXPECT_NE(operation->error().message().find("at least "), std::string::npos) << operation->error().message();
  EXPECT_EQ(SizeOf("b"), kDisk);
  EXPECT_EQ(wslm::ReasonOf(world_->Resize("b", 0).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(wslm::ReasonOf(world_->Resize("b", 1000).status()), "INVALID_ARGUMENT");
}

TEST_F(CloneResizeTest, AFolderHasNoSizeAndNoFreeRoom) {
  ASSERT_TRUE(world_->Import("a", archive_)->has_response());
  EXPECT_EQ(wslm::ReasonOf(world_->Resize("a", kDisk).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(wslm::ReasonOf(world_->Trim("a").status()), "INVALID_ARGUMENT");
}

TEST_F(CloneResizeTest, AnImageInPlaceKeepsItsPlaceAndMode) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  const std::string image = folder_ / "real.img";
  ASSERT_EQ(::system(absl::StrCat("cp --sparse=always ", Image("a"), " ", image).c_str()), 0);
  ASSERT_EQ(::chmod(image.c_str(), 0640), 0);
  ASSERT_EQ(::symlink("real.img", (folder_ / "link.img").c_str()), 0);
  v1::ImportInPlaceRequest request;
  request.set_name("b");
  request.set_host_path(folder_ / "link.img");
  ASSERT_TRUE(world_->Run(v1::OPERATION_KIND_IMPORT, request, PlanImportInPlace)->has_response());
  const auto operation = world_->Resize("b", 2 * kDisk);
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  struct stat status {};
  ASSERT_EQ(::lstat((folder_ / "link.img").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  ASSERT_EQ(::stat(image.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 2 * kDisk);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST_F(CloneResizeTest, AResizeThatWasCutOffIsUndoneOrWasDone) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  const auto first = world_->Resize("a", 2 * kDisk);
  const auto second = world_->Resize("a", 3 * kDisk);
  ASSERT_TRUE(first->has_response() && second->has_response());
  CutOff(*world_, *first, [](JournalRecord&) {});
  CutOff(*world_, *second, [](JournalRecord&) {});
  const std::string half = ParentPath(Image("a")) + "/.disk.img.resize-Ab3dEf";
  WriteFile(half, "half");
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_EQ(ReasonOf(*world_->operations->Get(first->id())), "INTERRUPTED");
  EXPECT_EQ(world_->operations->Get(second->id())->response().distro().disk_size(), 3 * kDisk);
  EXPECT_FALSE(PathExists(half));
}

TEST_F(CloneResizeTest, AGrowOfARunningDistroThatWasCutOffIsRepeated) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  const auto entry = *world_->registry->Find("a");
  const auto grow = [&] {
    EXPECT_TRUE(world_->instances.Acquire(entry, {}).ok());
    const auto instance = world_->v2.instance(entry.record.id);
    instance->fake_channel->AddSession("s-1", "bash");
    auto operation = world_->Resize("a", 2 * kDisk);
    EXPECT_TRUE(operation.ok()) << operation.status();
    EXPECT_EQ(instance->grown, 2 * kDisk);
    EXPECT_EQ(instance->stops, 0);
    return operation;
  };
  const auto first = grow();
  ASSERT_TRUE(first.ok() && first->has_response());
  // The disk has grown, the file system has not.
  ASSERT_EQ(::truncate(Image("a").c_str(), 2 * kDisk), 0);
  CutOff(*world_, *first, [](JournalRecord&) {});
  world_.reset();
  world_.emplace(folder_ / "data");
  EXPECT_EQ(ReasonOf(*world_->operations->Get(first->id())), "INTERRUPTED");
  const auto second = grow();
  EXPECT_TRUE(second.ok() && second->has_response());
  ASSERT_TRUE(world_->instances.Stop(entry.record.id, absl::ZeroDuration()).ok());
  EXPECT_EQ(*Ext4Size(Image("a")), kDisk);
  ASSERT_TRUE(world_->Resize("a", 2 * kDisk)->has_response());
  EXPECT_EQ(*Ext4Size(Image("a")), 2 * kDisk);
}

TEST_F(CloneResizeTest, ATrimGivesRoomBack) {
  ASSERT_TRUE(world_->Import("a", archive_, 2)->has_response());
  const std::string before = Digest("a");
  {
    // Room that is free inside, and taken on the host.
    std::fstream image(Image("a"), std::ios::in | std::ios::out | std::ios::binary);
    image.seekp(kDisk - (8 << 20));
    image << std::string(size_t{4} << 20, 'x');
  }
  const auto operation = world_->Trim("a");
  ASSERT_TRUE(operation->has_response()) << operation->error().message();
  EXPECT_GE(operation->response().trim().freed_bytes(), 4 << 20);
  EXPECT_EQ(Digest("a"), before);
}

TEST_F(CloneResizeTest, ADistroIsListedWhileItIsMade) {
  DistroRecord record;
  record.id = "11111111-2222-3333-4444-555555555555";
  record.name = "Making";
  ASSERT_TRUE(world_->Import("zzz", archive_)->has_response());
  auto lock = world_->locks.Take(record.id, record.name, {"op-1", v1::OPERATION_KIND_IMPORT, true});
  ASSERT_TRUE(lock.ok());
  auto shown = world_->views.ShowInMaking({.record = record});
  const auto all = world_->views.All();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name(), "zzz") << "the default is the first";
  EXPECT_EQ(all[1].state(), v1::DISTRO_STATE_INSTALLING);
  EXPECT_EQ(all[1].operation_id(), "op-1");
  EXPECT_EQ(world_->views.Find("making")->id(), record.id);
  shown.reset();
  EXPECT_EQ(world_->views.All().size(), 1u);
  EXPECT_EQ(wslm::ReasonOf(world_->views.Find("making").status()), "DISTRO_NOT_FOUND");
}

}  // namespace
}  // namespace wslm::daemon
