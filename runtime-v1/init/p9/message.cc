#include "runtime-v1/init/p9/message.h"

#include <utility>

namespace wslm::p9 {

std::string_view Reader::Bytes(size_t count) {
  if (count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return bytes;
}

uint64_t Reader::Number(size_t bytes) {
  uint64_t value = 0;
  int shift = 0;
  for (const char c : Bytes(bytes)) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(c)) << shift;
    shift += 8;
  }
  return value;
}

void Writer::Begin(uint8_t type, uint16_t tag) {
  bytes_.clear();
  U32(0);
  U8(type);
  U16(tag);
}

void Writer::Number(uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
}

void Writer::String(std::string_view text) {
  U16(static_cast<uint16_t>(text.size()));
  Append(text);
}

void Writer::Put(const Qid& qid) {
  U8(qid.type);
  U32(qid.version);
  U64(qid.path);
}

std::string Writer::Take() {
  for (size_t i = 0; i < 4; ++i) bytes_[i] = static_cast<char>(bytes_.size() >> (8 * i) & 0xff);
  return std::move(bytes_);
}

}  // namespace wslm::p9
