// The first byte says whether the parser resynchronises and how large the pieces are; the rest comes from the other
// end. Payloads are read as the messages that their frames carry.
#include "tests/fuzz/fuzz.h"
#include "wslm/runtime/v1/frames.h"
#include "wslm/runtime/v1/runtime.pb.h"

using namespace wslm::runtime::v1;

namespace {

template <typename Message>
void Read(const std::string& payload) {
  Message message;
  if (!message.ParseFromString(payload)) return;
  const std::string again = message.SerializeAsString();
  Message second;
  FUZZ_CHECK(second.ParseFromString(again));
}

void ReadPayload(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kHello:
      return Read<Hello>(frame.payload);
    case FrameType::kHelloAck:
      return Read<HelloAck>(frame.payload);
    case FrameType::kOpen:
      return Read<OpenRequest>(frame.payload);
    case FrameType::kData:
      Read<HostMessage>(frame.payload);
      return Read<GuestMessage>(frame.payload);
    case FrameType::kHalfClose:
      return;
    case FrameType::kWindow:
      if (const auto bytes = ParseWindowPayload(frame.payload)) FUZZ_CHECK(WindowPayload(*bytes) == frame.payload);
      return;
    case FrameType::kStatus:
      return Read<StreamEnd>(frame.payload);
  }
  FUZZ_CHECK(false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  FrameParser parser;
  parser.set_resync((data[0] & 1) != 0);
  const size_t piece = size_t{data[0]} / 2 + 1;
  std::string_view bytes = wslm::fuzz::TextOf(data + 1, size - 1);
  size_t fed = 0;
  while (!bytes.empty()) {
    const std::string_view now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    parser.Feed(now);
    fed += now.size();
    FrameParser::Result result;
    Frame frame{};
    while ((result = parser.Next(frame)) == FrameParser::Result::kFrame) {
      FUZZ_CHECK(frame.payload.size() <= kMaxPayload);
      ReadPayload(frame);
      std::string again;
      AppendFrame(frame.type, frame.flags, frame.stream, frame.payload, again);
      FUZZ_CHECK(again.size() == kHeaderSize + frame.payload.size());
      (void)parser.before_padding();
    }
    FUZZ_CHECK(parser.buffered() <= fed);
    if (result == FrameParser::Result::kCorrupt) parser.Reset();
  }
  return 0;
}
