#include "wslm/runtime/v1/frames.h"

#include <gtest/gtest.h>

namespace wslm::runtime::v1 {
namespace {

using Result = FrameParser::Result;

std::string OneFrame(FrameType type, uint32_t stream, std::string_view payload, uint8_t flags = 0) {
  std::string bytes;
  AppendFrame(type, flags, stream, payload, bytes);
  return bytes;
}

TEST(FramesTest, HeaderIsTwelveLittleEndianBytes) {
  EXPECT_EQ(OneFrame(FrameType::kData, 0x01020304, "ab", kFlagNoCredit),
            std::string("WL\x04\x01\x04\x03\x02\x01\x02\x00\x00\x00"
                        "ab",
                        14));
}

TEST(FramesTest, ComesOutAsItWentInWhenFedByteByByte) {
  const std::string bytes = OneFrame(FrameType::kOpen, 7, "hello") + OneFrame(FrameType::kHalfClose, 8, "");
  FrameParser parser;
  Frame frame;
  std::vector<Frame> frames;
  for (const char byte : bytes) {
    parser.Feed(std::string_view(&byte, 1));
    while (parser.Next(frame) == Result::kFrame) frames.push_back(frame);
  }
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].type, FrameType::kOpen);
  EXPECT_EQ(frames[0].stream, 7u);
  EXPECT_EQ(frames[0].payload, "hello");
  EXPECT_EQ(frames[1].type, FrameType::kHalfClose);
  EXPECT_EQ(frames[1].payload, "");
  EXPECT_EQ(parser.buffered(), 0u);
}

TEST(FramesTest, TheLargestPayloadPassesAndALargerOneIsCorrupt) {
  FrameParser parser;
  Frame frame;
  parser.Feed(OneFrame(FrameType::kData, 1, std::string(kMaxPayload, 'x')));
  EXPECT_EQ(parser.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.payload.size(), kMaxPayload);
  parser.Feed(std::string_view("WL\x04\x00\x01\x00\x00\x00\x01\x00\x01\x00", 12));
  EXPECT_EQ(parser.Next(frame), Result::kCorrupt);
}

TEST(FramesTest, ZeroBytesBetweenFramesArePadding) {
  FrameParser parser;
  Frame frame;
  parser.Feed(std::string(100, '\0') + OneFrame(FrameType::kData, 1, "a") + std::string(5, '\0') +
              OneFrame(FrameType::kData, 1, "b"));
  ASSERT_EQ(parser.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.payload, "a");
  ASSERT_EQ(parser.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.payload, "b");
  EXPECT_EQ(parser.Next(frame), Result::kNeedMore);
}

TEST(FramesTest, GarbageIsCorruptUntilResetAndDroppedWhenResyncing) {
  FrameParser parser;
  Frame frame;
  parser.Feed("garbage WWL" + OneFrame(FrameType::kHello, 0, "h"));
  EXPECT_EQ(parser.Next(frame), Result::kCorrupt);
  EXPECT_EQ(parser.Next(frame), Result::kCorrupt);
  parser.set_resync(true);
  ASSERT_EQ(parser.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.type, FrameType::kHello);
  parser.set_resync(false);
  parser.Feed("more garbage");
  EXPECT_EQ(parser.Next(frame), Result::kCorrupt);
  parser.Reset();
  EXPECT_EQ(parser.Next(frame), Result::kNeedMore);
}

TEST(FramesTest, PaddingCompletesAHalfFrameSoThatHelloIsSeen) {
  const std::string whole = OneFrame(FrameType::kData, 3, std::string(kMaxPayload, 'x'));
  for (const size_t left_over : {size_t{1}, size_t{11}, size_t{12}, size_t{100}, whole.size() - 1}) {
    FrameParser parser;
    parser.set_resync(true);
    parser.Feed(whole.substr(0, left_over));
    parser.Feed(std::string(kMaxPayload + kHeaderSize, '\0'));
    parser.Feed(OneFrame(FrameType::kHello, 0, "h"));
    Frame frame;
    Result result;
    while ((result = parser.Next(frame)) == Result::kFrame && frame.type != FrameType::kHello) {
    }
    EXPECT_EQ(result, Result::kFrame) << left_over;
    EXPECT_EQ(frame.type, FrameType::kHello) << left_over;
  }
}

TEST(FramesTest, WindowPayloadGoesThereAndBack) {
  EXPECT_EQ(ParseWindowPayload(WindowPayload(0xfffefdfc)), 0xfffefdfcu);
  EXPECT_EQ(ParseWindowPayload("abc"), std::nullopt);
  EXPECT_EQ(ParseWindowPayload("abcde"), std::nullopt);
}

}  // namespace
}  // namespace wslm::runtime::v1
