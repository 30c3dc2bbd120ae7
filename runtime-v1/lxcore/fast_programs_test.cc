#include "runtime-v1/lxcore/fast_programs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "distros/host/unique_fd.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/fastpath/protocol.h"
#include "runtime-v1/lxcore/fast_copies.h"

namespace wslm::lxcore {
namespace {

// This process has code with a seed mapped.
class FastProgramsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string page(kSize, '\0');
    const WslmFastSeedEnd end = {.off = 0, .magic = WSLM_FAST_SEED_MAGIC};
    std::memcpy(page.data() + kSize - sizeof(end), &end, sizeof(end));
    ASSERT_NE(::mkdtemp(folder_), nullptr);
    const std::string name = std::string(folder_) + "/program";
    UniqueFd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0755));
    ASSERT_EQ(::write(file.get(), page.data(), page.size()), static_cast<ssize_t>(page.size()));
    code_ = static_cast<char*>(::mmap(nullptr, kSize, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0));
    ASSERT_NE(code_, MAP_FAILED);
    ::unlink(name.c_str());
    auto side_store = SideStore::Open(folder_, /*read_only=*/true);
    ASSERT_TRUE(side_store.ok()) << side_store.status();
    side_store_ = *std::move(side_store);
    copies_ = std::make_unique<FastCopies>(*side_store_, FastCopies::Options());
    maps_ = MemoryMapOf(proc_.get(), ::getpid());
  }
  void TearDown() override {
    ::munmap(code_, kSize);
    ::rmdir(folder_);
  }

  dev_t Device() const {
    const auto start = reinterpret_cast<uint64_t>(code_);
    return std::find_if(maps_.begin(), maps_.end(), [&](const Mapping& mapping) { return mapping.Has(start); })->device;
  }
  bool SwitchOff(dev_t device) {
    const FastPrograms programs(proc_.get(), *copies_, [](pid_t) { return true; }, {.mount_id = 1, .device = device});
    return programs.SwitchOff(::getpid(), maps_);
  }
  uint64_t Off() const {
    WslmFastSeedEnd end;
    std::memcpy(&end, code_ + kSize - sizeof(end), sizeof(end));
    return end.off;
  }

  static constexpr size_t kSize = 4096;
  char folder_[24] = "/tmp/programs-XXXXXX";
  UniqueFd proc_{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  char* code_ = nullptr;
  std::unique_ptr<SideStore> side_store_;
  std::unique_ptr<FastCopies> copies_;
  std::vector<Mapping> maps_;
};

TEST_F(FastProgramsTest, SwitchesSeedsOff) {
  EXPECT_TRUE(SwitchOff(Device()));
  EXPECT_EQ(Off(), 1u);
  EXPECT_FALSE(SwitchOff(Device()));
}

// There are none, and whose file system it is may keep who reads it.
TEST_F(FastProgramsTest, LooksForNoneOnOtherFileSystems) {
  EXPECT_FALSE(SwitchOff(Device() + 1));
  EXPECT_EQ(Off(), 0u);
}

}  // namespace
}  // namespace wslm::lxcore
