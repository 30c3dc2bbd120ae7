// One open stream of the host's, as those who serve it see it.
#ifndef WSLM_RUNTIME_V1_INIT_HOST_STREAM_H_
#define WSLM_RUNTIME_V1_INIT_HOST_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime-v1/init/failure.h"

namespace wslm::init {

// Serves a stream. Not called after HostStream::End, nor after OnGone.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // A message from the host. `cost` is to be given back by HostStream::GiveCredit when it was used up.
  virtual void OnMessage(const proto::HostMessage& message, size_t cost) = 0;
  // There may be room to send again.
  virtual void OnWritable() = 0;
  // The host listens no more, or the connection is gone.
  virtual void OnGone() = 0;
};

class HostStream {
 public:
  virtual ~HostStream() = default;
  // Payload bytes of output that may be sent now.
  virtual size_t room() const = 0;
  // Bytes sent that the host has not given credit back for.
  virtual size_t in_flight() const = 0;
  // Output, within room(). The payload of a message is a few bytes more than its data.
  virtual void Send(const proto::GuestMessage& message) = 0;
  // A small message that needs no credit.
  virtual void SendFree(const proto::GuestMessage& message) = 0;
  virtual void GiveCredit(size_t bytes) = 0;
  // The last word.
  virtual void End(const proto::StreamEnd& end) = 0;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_HOST_STREAM_H_
