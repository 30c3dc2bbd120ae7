#include "runtime-v1/lxcore/credentials.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wslm::lxcore {
namespace {

Credentials User(uint32_t id) {
  Credentials c;
  EXPECT_EQ(SetGroups(c, {}), 0);
  EXPECT_EQ(SetResGid(c, id, id, id), 0);
  EXPECT_EQ(SetResUid(c, id, id, id), 0);
  return c;
}

TEST(CredentialsTest, RootThatBecomesAUserLosesAllCapabilities) {
  const Credentials c = User(1000);
  EXPECT_EQ(c.fsuid, 1000u);
  EXPECT_EQ(c.permitted, 0u);
  EXPECT_EQ(c.effective, 0u);
  EXPECT_EQ(c.bounding, kAllCapabilities);
}

TEST(CredentialsTest, AUserCannotBecomeAnother) {
  Credentials c = User(1000);
  const Credentials before = c;
  EXPECT_EQ(SetUid(c, 0), EPERM);
  EXPECT_EQ(SetResUid(c, kKeep, 1001, kKeep), EPERM);
  EXPECT_EQ(SetReUid(c, 1001, kKeep), EPERM);
  EXPECT_EQ(SetGroups(c, {0}), EPERM);
  EXPECT_EQ(SetGid(c, 5), EPERM);
  EXPECT_EQ(c, before);
}

TEST(CredentialsTest, ASavedIdComesBack) {
  Credentials c;
  ASSERT_EQ(SetResUid(c, kKeep, 1000, kKeep), 0);
  EXPECT_EQ(c.effective, 0u);
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_FALSE(c.IsFileRoot());
  ASSERT_EQ(SetReUid(c, kKeep, 0), 0);
  EXPECT_EQ(c.effective, kAllCapabilities);
  EXPECT_TRUE(c.IsFileRoot());
}

TEST(CredentialsTest, WhatSetsNoIdLeavesTheFileSystemsIds) {
  Credentials c;
  SetFsUid(c, 1000);
  SetFsGid(c, 1000);
  EXPECT_EQ(SetResUid(c, kKeep, kKeep, 0), 0);
  EXPECT_EQ(SetResGid(c, 0, kKeep, kKeep), 0);
  EXPECT_EQ(c.fsuid, 1000u);
  EXPECT_EQ(c.fsgid, 1000u);
  EXPECT_EQ(SetResUid(c, kKeep, 0, kKeep), 0);
  EXPECT_EQ(SetResGid(c, kKeep, 0, kKeep), 0);
  EXPECT_EQ(c.fsuid, 0u);
  EXPECT_EQ(c.fsgid, 0u);
}

TEST(CredentialsTest, SetReUidSavesTheNewEffectiveId) {
  Credentials c;
  ASSERT_EQ(SetReUid(c, 1000, 1000), 0);
  EXPECT_EQ(c.suid, 1000u);
  EXPECT_EQ(SetUid(c, 0), EPERM);
}

TEST(CredentialsTest, KeepCapsKeepsThePermittedSet) {
  Credentials c;
  ASSERT_EQ(SetKeepCapabilities(c, 1), 0);
  ASSERT_EQ(SetResUid(c, 1000, 1000, 1000), 0);
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_EQ(c.effective, 0u);
  EXPECT_EQ(AfterExec(c, {S_IFREG | 0755, 0, 0}).credentials.permitted, 0u);
}

TEST(CredentialsTest, TheFileSystemIdDropsOnlyTheFileCapabilities) {
  Credentials c;
  SetFsUid(c, 1000);
  EXPECT_FALSE(c.Has(CAP_DAC_OVERRIDE));
  EXPECT_TRUE(c.Has(CAP_SYS_ADMIN));
  SetFsUid(c, 0);
  EXPECT_TRUE(c.Has(CAP_DAC_OVERRIDE));
}

TEST(CredentialsTest, GroupsAreKeptSorted) {
  Credentials c;
  ASSERT_EQ(SetGroups(c, {7, 3, 5}), 0);
  EXPECT_EQ(c.groups, (std::vector<uint32_t>{3, 5, 7}));
  EXPECT_TRUE(c.InGroup(5));
  EXPECT_FALSE(c.InGroup(4));
}

TEST(CredentialsTest, ASetUidProgramOfRootsGivesRootBack) {
  const Credentials c = AfterExec(User(1000), {S_IFREG | 04755, 0, 0}).credentials;
  EXPECT_EQ(c.ruid, 1000u);
  EXPECT_EQ(c.euid, 0u);
  EXPECT_EQ(c.suid, 0u);
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(CredentialsTest, NoNewPrivsMakesSetIdMeanNothing) {
  Credentials c = User(1000);
  c.no_new_privs = true;
  EXPECT_EQ(AfterExec(c, {S_IFREG | 06755, 0, 0}).credentials.euid, 1000u);
}

TEST(CredentialsTest, SetGidNeedsTheGroupsExecuteBit) {
  EXPECT_EQ(AfterExec(User(1000), {S_IFREG | 02755, 0, 42}).credentials.egid, 42u);
  EXPECT_EQ(AfterExec(User(1000), {S_IFREG | 02745, 0, 42}).credentials.egid, 1000u);
}

TEST(CredentialsTest, TheBoundingSetLimitsWhatExecGives) {
  Credentials c;
  ASSERT_EQ(DropBounding(c, CAP_SYS_ADMIN), 0);
  EXPECT_FALSE(AfterExec(c, {S_IFREG | 0755, 0, 0}).credentials.Has(CAP_SYS_ADMIN));
}

TEST(CredentialsTest, AmbientCapabilitiesSurviveExec) {
  Credentials c;
  ASSERT_EQ(SetKeepCapabilities(c, 1), 0);
  ASSERT_EQ(SetResUid(c, 1000, 1000, 1000), 0);
  const CapabilitySet bit = CapabilityBit(CAP_NET_BIND_SERVICE);
  EXPECT_EQ(ChangeAmbient(c, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE), -EPERM) << "not inheritable yet";
  ASSERT_EQ(SetCapabilities(c, bit, bit, bit), 0);
  ASSERT_EQ(ChangeAmbient(c, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE), 0);
  EXPECT_EQ(AfterExec(c, {S_IFREG | 0755, 0, 0}).credentials.effective, bit);
}

TEST(CredentialsTest, CapabilitiesCannotBeGained) {
  Credentials c = User(1000);
  EXPECT_EQ(SetCapabilities(c, 1, 0, 0), EPERM);
  EXPECT_EQ(SetCapabilities(c, 0, 0, 1), EPERM);
  EXPECT_EQ(SetSecureBits(c, 1), EPERM);
  EXPECT_EQ(DropBounding(c, 0), EPERM);
}

TEST(CredentialsTest, TheFirstMatchingClassOfBitsCounts) {
  const Credentials c = User(1000);
  EXPECT_FALSE(MayAccess(c, S_IFREG | 0077, 1000, 5, R_OK)) << "the owner's bits, not the others'";
  EXPECT_FALSE(MayAccess(c, S_IFREG | 0707, 5, 1000, R_OK)) << "the group's bits";
  EXPECT_TRUE(MayAccess(c, S_IFREG | 0004, 5, 5, R_OK));
  EXPECT_FALSE(MayAccess(c, S_IFREG | 0004, 5, 5, R_OK | W_OK));
}

TEST(CredentialsTest, RootExecutesOnlyWhatSomebodyMay) {
  EXPECT_FALSE(MayAccess({}, S_IFREG | 0666, 5, 5, X_OK));
  EXPECT_TRUE(MayAccess({}, S_IFREG | 0001, 5, 5, X_OK));
  EXPECT_TRUE(MayAccess({}, S_IFDIR, 5, 5, R_OK | W_OK | X_OK));
}

TEST(CredentialsTest, AccessAsksForTheRealUser) {
  const Credentials set_uid = AfterExec(User(1000), {S_IFREG | 04755, 0, 0}).credentials;
  EXPECT_TRUE(MayAccess(set_uid, S_IFREG | 0600, 0, 0, R_OK));
  EXPECT_FALSE(MayAccess(RealIdentity(set_uid), S_IFREG | 0600, 0, 0, R_OK));
}

TEST(CredentialsTest, SignalsGoToOnesOwnOnly) {
  const Credentials ann = User(1000), bob = User(1001);
  EXPECT_TRUE(MaySignal(ann, ann, SIGTERM, false));
  EXPECT_FALSE(MaySignal(ann, bob, SIGTERM, true));
  EXPECT_TRUE(MaySignal(ann, bob, SIGCONT, true));
  EXPECT_TRUE(MaySignal({}, bob, SIGKILL, false));
  EXPECT_TRUE(MaySignal(ann, AfterExec(ann, {S_IFREG | 04755, 0, 0}).credentials, SIGTERM, false))
      << "its own set-uid program";
}

TEST(CredentialsTest, TracingNeedsTheSameIdsAndNoMoreCapabilities) {
  const Credentials ann = User(1000);
  EXPECT_TRUE(MayTrace(ann, ann));
  EXPECT_FALSE(MayTrace(ann, {}));
  EXPECT_FALSE(MayTrace(ann, AfterExec(ann, {S_IFREG | 04755, 0, 0}).credentials));
  EXPECT_TRUE(MayTrace({}, ann));
}

}  // namespace
}  // namespace wslm::lxcore
