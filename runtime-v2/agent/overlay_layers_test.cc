#include "runtime-v2/agent/overlay_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(OverlayLayersTest, AreThoseOfTheOptions) {
  EXPECT_THAT(OverlayLayers("rw,lowerdir=/a:l/B,upperdir=/c/diff,workdir=/c/work,xino=off"),
              ElementsAre("/a", "l/B", "/c/diff"));
  EXPECT_THAT(OverlayLayers("ro,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d"), ElementsAre("/a:b", "/c", "/d"));
  EXPECT_THAT(OverlayLayers("ro,lowerdir=/a::/data"), ElementsAre("/a", "/data"));
  EXPECT_THAT(OverlayLayers("rw,size=4k"), IsEmpty());
}

// The kernel escapes what was escaped for it.
TEST(OverlayLayersTest, EscapesAreTakenOffTwice) {
  EXPECT_THAT(OverlayLayers(R"(ro,lowerdir=/a\134:b:/c\040d:/e\054f\134\134)"),
              ElementsAre("/a:b", "/c d", R"(/e,f\)"));
}

TEST(OverlayLayersTest, RelativeOnesAreLookedForAboveTheMountAndTheOthers) {
  EXPECT_THAT(BasesOfLayers("/var/docker/1/merged", {"l/A", "l/B"}),
              ElementsAre("/var/docker/1", "/var/docker", "/var"));
  EXPECT_THAT(BasesOfLayers("/run/x", {"1/fs", "/var/2/fs"}), ElementsAre("/run", "/var/2", "/var"));
}

}  // namespace
}  // namespace wslm
