#include "runtime-v1/lxcore/access_list.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/posix_acl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wslm::lxcore {
namespace {

AccessList Named() {
  return {{ACL_USER_OBJ, 7},  {ACL_USER, 6, 1000}, {ACL_GROUP_OBJ, 1},
          {ACL_GROUP, 4, 50}, {ACL_MASK, 6},       {ACL_OTHER, 0}};
}

Credentials Somebody(uint32_t uid, std::vector<uint32_t> groups) {
  Credentials c;
  c.fsuid = uid;
  c.fsgid = 77;
  c.groups = std::move(groups);
  return c;
}

TEST(AccessList, IsReadAsItWasWritten) {
  AccessList list;
  ASSERT_EQ(DecodeAccessList(EncodeAccessList(Named()), list), 0);
  ASSERT_EQ(list.size(), 6u);
  EXPECT_EQ(list[1].id, 1000u);
  EXPECT_EQ(list[1].permissions, 6);
  EXPECT_EQ(ModeWithList(S_IFREG | 04000, list), S_IFREG | 04760u);
}

TEST(AccessList, WhatTheKernelRefusesIsRefused) {
  AccessList list;
  EXPECT_EQ(DecodeAccessList("abc", list), EINVAL);
  EXPECT_EQ(DecodeAccessList(std::string("\1\0\0\0", 4), list), EOPNOTSUPP);
  EXPECT_EQ(DecodeAccessList(std::string("\2\0\0\0", 4), list), 0);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(DecodeAccessList(EncodeAccessList({{ACL_USER_OBJ, 7}, {ACL_OTHER, 0}}), list), EINVAL);
  EXPECT_EQ(DecodeAccessList(
                EncodeAccessList({{ACL_USER_OBJ, 7}, {ACL_USER, 7, 5}, {ACL_GROUP_OBJ, 0}, {ACL_OTHER, 0}}), list),
            EINVAL)
      << "names without a mask";
}

TEST(AccessList, ModesOfNewFilesBoundIt) {
  AccessList list = Named();
  uint32_t mode = S_IFREG | 0644;
  InheritList(list, mode);
  EXPECT_EQ(mode, S_IFREG | 0640u);
  EXPECT_EQ(list[4].permissions, 4) << "the mask";
  EXPECT_EQ(list[1].permissions, 6) << "names stay";
}

TEST(AccessList, TheFirstNameAndAnyGroupCount) {
  EXPECT_TRUE(ListAllows(Named(), Somebody(1000, {}), 9, R_OK | W_OK));
  EXPECT_FALSE(ListAllows(Named(), Somebody(1000, {}), 9, X_OK));
  EXPECT_TRUE(ListAllows(Named(), Somebody(5, {50}), 9, R_OK));
  EXPECT_FALSE(ListAllows(Named(), Somebody(5, {50}), 9, W_OK));
  EXPECT_FALSE(ListAllows(Named(), Somebody(5, {9}), 9, X_OK)) << "beyond the mask";
  EXPECT_FALSE(ListAllows(Named(), Somebody(5, {}), 9, R_OK));
}

}  // namespace
}  // namespace wslm::lxcore
