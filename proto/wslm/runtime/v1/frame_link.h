// The guest's end of frames over a descriptor that never blocks: what wslm-init and wslm-agent read and write with.
// It knows frames, not streams: a relay passes frames on under other stream numbers.
//
//   FrameLink link(std::move(socket));
//   // readable:  const auto result = link.Read();  while (link.Next(frame)) …;
//   //            if (result == FrameLink::ReadResult::kEnd || link.corrupt()) hang up;
//   // to send:   link.Queue(FrameType::kData, 0, stream, payload);  if (!link.Flush()) hang up;
//   // watch for writability while link.backlog() > 0, then Flush.
//
// Standard library only. No function throws or blocks. Not thread-safe.
#ifndef WSLM_PROTO_RUNTIME_V1_FRAME_LINK_H_
#define WSLM_PROTO_RUNTIME_V1_FRAME_LINK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::runtime::v1 {

class FrameLink {
 public:
  // Takes the descriptor (socket, or a virtio port) and makes it non-blocking. Until set_resync(false), which is due
  // when HELLO came, bytes that are no header are dropped.
  explicit FrameLink(UniqueFd fd);

  int fd() const { return fd_.get(); }
  void set_resync(bool resync) { parser_.set_resync(resync); }

  // kEnd: the peer hung up, or the descriptor is broken.
  enum class ReadResult { kSome, kNothingNow, kEnd };
  // Reads once; a descriptor that is watched for edges is to be read until kNothingNow or kEnd.
  ReadResult Read();
  // Takes the next whole frame that was read. False: none yet, or corrupt().
  bool Next(Frame& frame);
  // What was read is no frame: the link is useless.
  bool corrupt() const { return corrupt_; }

  // As FrameParser::before_padding.
  bool before_padding() const { return parser_.before_padding(); }

  // Queues a frame behind those before it. payload.size() <= kMaxPayload.
  void Queue(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);
  // Writes what the peer takes. False: the peer hung up.
  bool Flush();
  // Bytes queued and not written.
  size_t backlog() const { return output_.size() - written_; }

  // For a port that another host opened: forgets what was queued, and queues padding, because half a frame of it may
  // stand before what comes next. What was read is kept: it may hold a yet newer host's HELLO.
  void Restart();

 private:
  const UniqueFd fd_;
  FrameParser parser_;
  bool corrupt_ = false;
  std::string input_;
  std::string output_;
  size_t written_ = 0;
};

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_FRAME_LINK_H_
