#include "wslm/runtime/v1/frames.h"

#include <cstdlib>

namespace wslm::runtime::v1 {
namespace {

constexpr uint16_t kMagic = 0x4C57;
constexpr uint8_t kLastType = static_cast<uint8_t>(FrameType::kStatus);

void AppendLittleEndian(uint32_t value, size_t bytes, std::string& out) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return value;
}

struct Header {
  FrameType type;
  uint8_t flags;
  uint32_t stream;
  uint32_t length;
};

// `bytes` holds kHeaderSize bytes or more.
std::optional<Header> ParseHeader(std::string_view bytes) {
  const auto type = static_cast<uint8_t>(bytes[2]);
  const uint32_t length = LittleEndian(bytes.substr(8, 4));
  if (LittleEndian(bytes.substr(0, 2)) != kMagic || type == 0 || type > kLastType || length > kMaxPayload) {
    return std::nullopt;
  }
  return Header{static_cast<FrameType>(type), static_cast<uint8_t>(bytes[3]), LittleEndian(bytes.substr(4, 4)), length};
}

}  // namespace

void AppendFrame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload, std::string& out) {
  if (payload.size() > kMaxPayload) std::abort();
  AppendLittleEndian(kMagic, 2, out);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  AppendLittleEndian(stream, 4, out);
  AppendLittleEndian(static_cast<uint32_t>(payload.size()), 4, out);
  out.append(payload);
}

std::string WindowPayload(uint32_t bytes) {
  std::string payload;
  AppendLittleEndian(bytes, 4, payload);
  return payload;
}

std::optional<uint32_t> ParseWindowPayload(std::string_view payload) {
  if (payload.size() != 4) return std::nullopt;
  return LittleEndian(payload);
}

void FrameParser::Feed(std::string_view bytes) {
  if (consumed_ > 0) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  buffer_.append(bytes);
}

FrameParser::Result FrameParser::Next(Frame& frame) {
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(consumed_);
    const size_t padding = rest.find_first_not_of('\0');
    if (padding != 0) {
      consumed_ += padding == std::string_view::npos ? rest.size() : padding;
      if (padding == std::string_view::npos) return Result::kNeedMore;
      continue;
    }
    if (rest.size() < kHeaderSize) return Result::kNeedMore;
    const std::optional<Header> header = ParseHeader(rest);
    if (!header) {
      if (!resync_) return Result::kCorrupt;
      ++consumed_;
      continue;
    }
    if (rest.size() < kHeaderSize + header->length) return Result::kNeedMore;
    frame.type = header->type;
    frame.flags = header->flags;
    frame.stream = header->stream;
    frame.payload.assign(rest.substr(kHeaderSize, header->length));
    consumed_ += kHeaderSize + header->length;
    return Result::kFrame;
  }
}

void FrameParser::Reset() {
  buffer_.clear();
  consumed_ = 0;
}

}  // namespace wslm::runtime::v1
