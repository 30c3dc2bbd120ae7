// What an exec makes of who runs it: capabilities(7), "Transformation of capabilities during execve()".
#include <endian.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/securebits.h>
#include <sys/stat.h>

#include <cstring>

#include "runtime-v1/lxcore/credentials.h"
#include "runtime-v1/lxcore/exec_environment.h"

namespace wslm::lxcore {
namespace {

constexpr CapabilitySet kRaw = CapabilityBit(CAP_NET_RAW), kBind = CapabilityBit(CAP_NET_BIND_SERVICE);

Credentials Ann() {
  Credentials c;
  EXPECT_EQ(SetResGid(c, 1000, 1000, 1000), 0);
  EXPECT_EQ(SetResUid(c, 1000, 1000, 1000), 0);
  return c;
}

ExecFile Program(FileCapabilities capabilities) { return {.mode = S_IFREG | 0755, .capabilities = capabilities}; }

TEST(ExecTest, AProgramGetsItsCapabilities) {
  const ExecResult after = AfterExec(Ann(), Program({.permitted = kRaw, .effective = true}));
  EXPECT_EQ(after.error, 0);
  EXPECT_EQ(after.credentials.permitted, kRaw);
  EXPECT_EQ(after.credentials.effective, kRaw);
  EXPECT_TRUE(after.secure);
  EXPECT_EQ(AfterExec(Ann(), Program({.permitted = kRaw})).credentials.effective, 0u) << "it must turn it on itself";
}

TEST(ExecTest, InheritableCapabilitiesNeedBoth) {
  Credentials c = Ann();
  EXPECT_EQ(AfterExec(c, Program({.inheritable = kRaw, .effective = true})).credentials.permitted, 0u);
  c.inheritable = kRaw;
  EXPECT_EQ(AfterExec(c, Program({.inheritable = kRaw, .effective = true})).credentials.effective, kRaw);
}

TEST(ExecTest, WhatTheBoundingSetLacksFailsAProgramThatWantsIt) {
  Credentials c = Ann();
  c.bounding &= ~kRaw;
  EXPECT_EQ(AfterExec(c, Program({.permitted = kRaw, .effective = true})).error, EPERM);
  const ExecResult after = AfterExec(c, Program({.permitted = kRaw | kBind}));
  EXPECT_EQ(after.error, 0) << "it looks itself at what it got";
  EXPECT_EQ(after.credentials.permitted, kBind);
}

TEST(ExecTest, NothingIsGainedUnderNoNewPrivsNorUnderATracerWithoutRights) {
  Credentials c = Ann();
  ExecFile file = Program({.permitted = kRaw, .effective = true});
  file.traced = true;
  EXPECT_EQ(AfterExec(c, file).credentials.permitted, 0u);
  EXPECT_EQ(AfterExec(c, {.mode = S_IFREG | 04755, .traced = true}).credentials.euid, 1000u);
  c.no_new_privs = true;
  EXPECT_EQ(AfterExec(c, Program({.permitted = kRaw, .effective = true})).credentials.permitted, 0u);
}

TEST(ExecTest, FileCapabilitiesClearTheAmbientOnes) {
  Credentials c = Ann();
  c.permitted = c.inheritable = c.ambient = kBind;
  EXPECT_EQ(AfterExec(c, {.mode = S_IFREG | 0755}).credentials.effective, kBind);
  EXPECT_EQ(AfterExec(c, Program({})).credentials.permitted, 0u);
}

TEST(ExecTest, ASetUidRootProgramWithCapabilitiesGetsTheseOnly) {
  ExecFile file = Program({.permitted = kRaw, .effective = true});
  file.mode |= S_ISUID;
  EXPECT_EQ(AfterExec(Ann(), file).credentials.permitted, kRaw);
  EXPECT_EQ(AfterExec(Ann(), file).credentials.euid, 0u);
}

TEST(ExecTest, RootIsNothingSpecialUnderNoRoot) {
  Credentials c;
  c.securebits = issecure_mask(SECURE_NOROOT);
  EXPECT_EQ(AfterExec(c, {.mode = S_IFREG | 0755}).credentials.permitted, 0u);
}

TEST(ExecTest, InANamespaceItsRootKeepsCapabilitiesThatCountThereOnly) {
  Credentials c = InNewNamespace(Ann());
  EXPECT_TRUE(c.HasHere(CAP_SYS_ADMIN));
  EXPECT_FALSE(c.Has(CAP_SYS_ADMIN));
  EXPECT_FALSE(AfterExec(c, {.mode = S_IFREG | 0755}).credentials.HasHere(CAP_SYS_ADMIN)) << "no root in it yet";
  c.root = 1000;
  const ExecResult after = AfterExec(c, {.mode = S_IFREG | 0755});
  EXPECT_TRUE(after.credentials.HasHere(CAP_SYS_ADMIN));
  EXPECT_FALSE(after.secure);
}

TEST(ExecTest, ReadsTheAttributeOfAFile) {
  vfs_cap_data data = {.magic_etc = htole32(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE)};
  data.data[0].permitted = htole32(kRaw);
  data.data[1].inheritable = htole32(1U << (CAP_SYSLOG - 32));
  const std::string_view bytes(reinterpret_cast<const char*>(&data), sizeof(data));
  const auto capabilities = ParseFileCapabilities(bytes);
  ASSERT_TRUE(capabilities.has_value());
  EXPECT_TRUE(capabilities->effective);
  EXPECT_EQ(capabilities->permitted, kRaw);
  EXPECT_EQ(capabilities->inheritable, CapabilityBit(CAP_SYSLOG));
  EXPECT_FALSE(ParseFileCapabilities(bytes.substr(1)).has_value());
}

TEST(ExecTest, TheLoadersVariablesAreUnsafe) {
  for (const char* name : {"LD_PRELOAD=x", "LD_LIBRARY_PATH=/tmp", "GLIBC_TUNABLES=a", "TMPDIR=/x", "LD_AUDIT="}) {
    EXPECT_TRUE(IsUnsafeVariable(name)) << name;
  }
  for (const char* name : {"PATH=/bin", "LDFLAGS=x", "TMPDIRS=x", ""}) EXPECT_FALSE(IsUnsafeVariable(name)) << name;
}

}  // namespace
}  // namespace wslm::lxcore
