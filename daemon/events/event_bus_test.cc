#include "daemon/events/event_bus.h"

#include <gtest/gtest.h>

namespace wslm::daemon {
namespace {

v1::Distro Named(const std::string& name) {
  v1::Distro distro;
  distro.set_name(name);
  return distro;
}

TEST(EventBusTest, AWatchBeginsWithReadyAndCountsOnFromThere) {
  EventBus bus("boot");
  bus.DistroChanged(v1::CHANGE_KIND_CREATED, Named("before"));
  int wakes = 0;
  const auto watch = bus.Watch([&] { ++wakes; });
  bus.DistroChanged(v1::CHANGE_KIND_CREATED, Named("after"));
  const auto ready = watch->Next();
  ASSERT_TRUE(ready && ready->has_ready());
  EXPECT_EQ(ready->boot_id(), "boot");
  const auto event = watch->Next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->distro().distro().name(), "after");
  EXPECT_EQ(event->sequence(), ready->sequence() + 1);
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(watch->Next());
}

TEST(EventBusTest, AWatchThatIsNotReadOverflowsAndOthersDoNot) {
  EventBus bus("boot");
  const auto slow = bus.Watch([] {});
  const auto quick = bus.Watch([] {});
  for (size_t i = 0; i < EventBus::kMaxBehind + 1; ++i) {
    bus.DistroChanged(v1::CHANGE_KIND_UPDATED, Named("x"));
    while (quick->Next()) {
    }
  }
  EXPECT_TRUE(slow->overflowed());
  EXPECT_FALSE(quick->overflowed());
}

}  // namespace
}  // namespace wslm::daemon
