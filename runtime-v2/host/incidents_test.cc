#include "runtime-v2/host/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm {
namespace {

using runtime::v1::Notice;
using testing::HasSubstr;
using testing::Not;

Notice NoticeOf(runtime::v1::NoticeKind kind, const std::string& distro_id = "d") {
  Notice notice;
  notice.set_kind(kind);
  notice.set_distro_id(distro_id);
  notice.set_process("cc1 (process 7)");
  return notice;
}

std::string MessageOf(const Notice& notice) {
  const auto incident = DescribeNotice(notice);
  return incident ? incident->message : "";
}

TEST(IncidentsTest, NameTheLimitOfMemoryThatWasReached) {
  EXPECT_THAT(MessageOf(NoticeOf(runtime::v1::NOTICE_KIND_OUT_OF_MEMORY)), HasSubstr("wslm.conf"));
  Notice notice = NoticeOf(runtime::v1::NOTICE_KIND_MEMORY_LIMIT);
  EXPECT_THAT(MessageOf(notice), HasSubstr("[wslm] of its /etc/wsl.conf"));
  EXPECT_THAT(MessageOf(notice), HasSubstr("cc1 (process 7)"));
  notice.set_limited_cgroup("system.slice/x.service");
  EXPECT_THAT(MessageOf(notice), HasSubstr("system.slice/x.service"));
  EXPECT_THAT(MessageOf(notice), HasSubstr("MemoryMax"));
  EXPECT_THAT(MessageOf(notice), Not(HasSubstr("wsl")));
  EXPECT_FALSE(DescribeNotice(NoticeOf(runtime::v1::NOTICE_KIND_UNSPECIFIED)));
}

TEST(IncidentsTest, NameTheDiskThatFailed) {
  auto incident = DescribeDiskError({.name = "d", .image = "/no/where.img", .no_space = true});
  EXPECT_EQ(incident.kind, runtime::v1::Incident::Kind::kDiskFull);
  EXPECT_THAT(incident.distro_ids, testing::ElementsAre("d"));
  EXPECT_THAT(incident.message, HasSubstr("no room left for the distro's disk /no/where.img: what was being written"));

  incident = DescribeDiskError({.whose = DiskFault::Whose::kMounted, .name = "data", .image = "/no/where.img"});
  EXPECT_EQ(incident.kind, runtime::v1::Incident::Kind::kDiskError);
  EXPECT_THAT(incident.distro_ids, testing::IsEmpty());
  EXPECT_THAT(incident.message, HasSubstr("the disk /no/where.img that is mounted as 'data': look at"));

  incident = DescribeDiskError({.whose = DiskFault::Whose::kSwap, .no_space = true});
  EXPECT_EQ(incident.kind, runtime::v1::Incident::Kind::kDiskFull);
  EXPECT_THAT(incident.distro_ids, testing::IsEmpty());
  EXPECT_THAT(incident.message, HasSubstr("no room left for the VM's swap: programs"));
}

TEST(IncidentsTest, AreToldNowAndThenWhereThereAreVeryMany) {
  NoticeLimit limit;
  const Notice notice = NoticeOf(runtime::v1::NOTICE_KIND_MEMORY_LIMIT);
  const absl::Time begin = absl::UnixEpoch();
  EXPECT_EQ(limit.Admit(notice, begin), 0);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(29)), std::nullopt);
  EXPECT_EQ(limit.Admit(NoticeOf(runtime::v1::NOTICE_KIND_READ_ONLY), begin + absl::Seconds(29)), 0);
  EXPECT_EQ(limit.Admit(NoticeOf(runtime::v1::NOTICE_KIND_MEMORY_LIMIT, "e"), begin + absl::Seconds(29)), 0);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(30)), 2);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(31)), std::nullopt);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(90)), 1);
  EXPECT_EQ(limit.Admit(notice, begin + absl::Seconds(180)), 0);
}

}  // namespace
}  // namespace wslm
