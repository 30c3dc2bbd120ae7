#include "runtime-v1/lxcore/syscall_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "runtime-v1/lxcore/syscalls_page.h"

namespace wslm::lxcore {
namespace {

// Those of asm/unistd_64.h, made by the build.
constexpr struct {
  std::string_view name;
  int number;
} kHeaderCalls[] = {
#include "runtime-v1/lxcore/header_calls.inc"
};

TEST(SyscallTableTest, EveryCallOfTheKernelHeadersStandsInIt) {
  std::map<std::string_view, int> numbers;
  for (const SyscallRule& rule : SyscallTable()) numbers[rule.name] = rule.number;
  for (const auto& call : kHeaderCalls) {
    ASSERT_TRUE(numbers.contains(call.name)) << call.name << " is missing";
    EXPECT_EQ(numbers[call.name], call.number) << call.name;
  }
}

TEST(SyscallTableTest, EachNumberAndNameStandsOnce) {
  std::set<int> numbers;
  std::set<std::string_view> names;
  for (const SyscallRule& rule : SyscallTable()) {
    EXPECT_TRUE(numbers.insert(rule.number).second) << rule.number;
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
  }
}

TEST(SyscallTableTest, WhatIsServedHasAHandlerAndWhatIsRefusedAnErrnoAndAReason) {
  for (const SyscallRule& rule : SyscallTable()) {
    const bool refused = rule.treatment == Treatment::kRefuse;
    const bool native = rule.treatment == Treatment::kNative;
    EXPECT_EQ(rule.handler != nullptr, !refused && !native) << rule.name;
    EXPECT_EQ(rule.error > 0 && !rule.note.empty(), refused) << rule.name;
  }
}

TEST(SyscallTableTest, ThePageIsTheTables) {
  std::ifstream file(WSLM_SYSCALLS_PAGE);
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), SyscallsPage()) << "run wslm-syscalls-page > docs/syscalls.md";
}

}  // namespace
}  // namespace wslm::lxcore
