// The host's first words on a connection: HELLO, and the wait for its answer.
#ifndef WSLM_PROTO_RUNTIME_V1_HANDSHAKE_H_
#define WSLM_PROTO_RUNTIME_V1_HANDSHAKE_H_

#include "absl/status/statusor.h"
#include "wslm/runtime/v1/channel.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::runtime::v1 {

// Sends HELLO on `socket` (with options.padding every half second) and reads until its HELLO_ACK; all that comes before
// is dropped, what came after it, perhaps the answer to a repetition, stays in `parser`. Blocks up to
// options.hello_timeout. Errors: DEADLINE_EXCEEDED, UNAVAILABLE (both RUNTIME_DIED), CANCELLED (by options.give_up).
absl::StatusOr<HelloAck> SayHello(int socket, const Channel::Options& options, FrameParser& parser);

}  // namespace wslm::runtime::v1

#endif  // WSLM_PROTO_RUNTIME_V1_HANDSHAKE_H_
