// The frames that carry runtime.proto between wslmd and wslm-init or wslm-agent.
//
// A frame is a header of 12 bytes, little endian, and a payload:
//
//   offset 0  uint16  magic 0x4C57 ("WL")
//          2  uint8   FrameType
//          3  uint8   flags
//          4  uint32  stream: 0 for HELLO and HELLO_ACK, else chosen by the host, never reused on a connection
//          8  uint32  length of the payload in bytes, at most kMaxPayload
//
//   HELLO       host → guest   Hello
//   HELLO_ACK   guest → host   HelloAck
//   OPEN        host → guest   OpenRequest; begins a stream
//   DATA        both           HostMessage or GuestMessage
//   HALF_CLOSE  host → guest   empty: no more DATA will come
//   WINDOW      both           uint32: so many more payload bytes of DATA may be sent
//   STATUS      both           StreamEnd; ends a stream
//
// DATA costs its payload's length of the sender's credit, kInitialWindow at first in each direction, unless
// kFlagNoCredit is set, which is for resize, signal and other small messages that must pass a blocked stdin.
// Zero bytes where a header is due are padding (a virtio port may hold half a frame of an earlier connection: the host
// sends kMaxPayload + kHeaderSize zero bytes before HELLO, and both sides drop what is no header until they see one).
//
// Nothing here does input or output; no function throws. Not thread-safe.
#ifndef WSLM_PROTO_RUNTIME_V1_FRAMES_H_
#define WSLM_PROTO_RUNTIME_V1_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wslm::runtime::v1 {

inline constexpr uint32_t kRevision = 1;
inline constexpr size_t kHeaderSize = 12;
inline constexpr size_t kMaxPayload = 64 * 1024;
// Largest stdin, stdout or stderr field in a message, so that the message fits a frame.
inline constexpr size_t kMaxChunk = kMaxPayload - 64;
inline constexpr uint32_t kInitialWindow = 256 * 1024;
// Credit says that the daemon wrote something to the client's connection, not that the client has read it: so much may
// be lost with the daemon beside what no credit came for. In bytes; the connection's window is 64 KiB, and a message
// more.
inline constexpr size_t kClientLag = kInitialWindow;
// What a session keeps of each output stream for a client that attaches again, in bytes: what may not have reached the
// client, and as much again that the command may write until it attaches.
inline constexpr size_t kReplayBytes = kInitialWindow + kClientLag + kInitialWindow;
inline constexpr uint8_t kFlagNoCredit = 1;

enum class FrameType : uint8_t {
  kHello = 1,
  kHelloAck = 2,
  kOpen = 3,
  kData = 4,
  kHalfClose = 5,
  kWindow = 6,
  kStatus = 7,
};

struct Frame {
  FrameType type;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

// Appends the frame's bytes to `out`. payload.size() <= kMaxPayload, else aborts.
void AppendFrame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload, std::string& out);

// The payload of a WINDOW frame, and back; nullopt when malformed.
std::string WindowPayload(uint32_t bytes);
std::optional<uint32_t> ParseWindowPayload(std::string_view payload);

// Cuts a byte stream into frames.
class FrameParser {
 public:
  enum class Result { kFrame, kNeedMore, kCorrupt };

  // Adds bytes that were read.
  void Feed(std::string_view bytes);
  // Takes the next whole frame. kCorrupt: what stands at the border is no header; the connection is useless until
  // Reset (a host), or drops one byte at a time when `resync` is set (both sides until HELLO went through).
  Result Next(Frame& frame);
  // Forgets everything buffered.
  void Reset();
  void set_resync(bool resync) { resync_ = resync; }
  // Whether padding stands behind the frame that Next took last. A whole frame is never followed by padding but where
  // its sender went and another came: then it may be half the one's bytes, and the rest the other's padding.
  bool before_padding() const { return consumed_ < buffer_.size() && buffer_[consumed_] == '\0'; }
  // Bytes fed and not yet taken.
  size_t buffered() const { return buffer_.size() - consumed_; }

 private:
  std::string buffer_;
  size_t consumed_ = 0;
  bool resync_ = false;
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_FRAMES_H_
