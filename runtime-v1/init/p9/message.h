// The messages of 9P2000.L as bytes: little-endian numbers, strings with a 16-bit length. See diod's protocol.md and
// intro(5) of Plan 9. Standard library only. Not thread-safe.
#ifndef WSLM_RUNTIME_V1_INIT_P9_MESSAGE_H_
#define WSLM_RUNTIME_V1_INIT_P9_MESSAGE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace wslm::p9 {

// T…; the answer's type is one more, or kLError.
enum Type : uint8_t {
  kLError = 7,
  kStatFs = 8,
  kLOpen = 12,
  kLCreate = 14,
  kSymlink = 16,
  kMkNod = 18,
  kRename = 20,
  kReadLink = 22,
  kGetAttr = 24,
  kSetAttr = 26,
  kXattrWalk = 30,
  kXattrCreate = 32,
  kReadDir = 40,
  kFSync = 50,
  kLock = 52,
  kGetLock = 54,
  kLink = 70,
  kMkDir = 72,
  kRenameAt = 74,
  kUnlinkAt = 76,
  kVersion = 100,
  kAuth = 102,
  kAttach = 104,
  kFlush = 108,
  kWalk = 110,
  kRead = 116,
  kWrite = 118,
  kClunk = 120,
  kRemove = 122,
};

// size[4] type[1] tag[2].
inline constexpr uint32_t kHeaderSize = 7;
// Of a message, as negotiated at most and at least.
inline constexpr uint32_t kLargestMessage = 256 * 1024;
inline constexpr uint32_t kSmallestMessage = 4096;
// "none" for a fid and for a user.
inline constexpr uint32_t kNone = ~0U;

// What tells files apart: qid[13].
struct Qid {
  uint8_t type = 0;
  uint32_t version = 0;
  uint64_t path = 0;
};

// Reads fields one after the other. Past the end all are 0 or empty, and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  std::string String() { return std::string(Bytes(U16())); }
  // Valid as long as the message.
  std::string_view Bytes(size_t count);

  bool ok() const { return ok_; }

 private:
  uint64_t Number(size_t bytes);

  std::string_view rest_;
  bool ok_ = true;
};

// Builds one message.
class Writer {
 public:
  // Begins it anew.
  void Begin(uint8_t type, uint16_t tag);
  void U8(uint8_t value) { Number(value, 1); }
  void U16(uint16_t value) { Number(value, 2); }
  void U32(uint32_t value) { Number(value, 4); }
  void U64(uint64_t value) { Number(value, 8); }
  // At most 65,535 bytes.
  void String(std::string_view text);
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  void Put(const Qid& qid);

  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  // Ends it.
  std::string Take();

 private:
  void Number(uint64_t value, size_t bytes);

  std::string bytes_;
};

}  // namespace wslm::p9

#endif  // WSLM_RUNTIME_V1_INIT_P9_MESSAGE_H_
