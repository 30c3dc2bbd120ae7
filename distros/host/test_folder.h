// A folder of a test's own, removed with all it holds at the end.
#ifndef WSLM_DISTROS_HOST_TEST_FOLDER_H_
#define WSLM_DISTROS_HOST_TEST_FOLDER_H_

#include <cstdlib>
#include <string>

#include "distros/host/remove_tree.h"
#include "gtest/gtest.h"

namespace wslm {

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = testing::TempDir() + "wslm-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() { EXPECT_TRUE(RemoveTree(path_).ok()); }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_TEST_FOLDER_H_
