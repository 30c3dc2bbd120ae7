// An error as wslm-init sends it: the StreamEnd of the stream that asked. Codes are those of absl::StatusCode, which
// this static program does without; reasons are those of wslm.v1.ErrorReason.
#ifndef WSLM_RUNTIME_V1_INIT_FAILURE_H_
#define WSLM_RUNTIME_V1_INIT_FAILURE_H_

#include <string>
#include <string_view>

#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

namespace proto = ::wslm::runtime::v1;

enum class Code {
  kInvalidArgument = 3,
  kNotFound = 5,
  kResourceExhausted = 8,
  kAborted = 10,
  kInternal = 13,
  kUnavailable = 14,
};

inline proto::StreamEnd Failure(Code code, std::string_view reason, std::string message) {
  proto::StreamEnd end;
  end.set_code(static_cast<int>(code));
  end.set_reason(std::string(reason));
  end.set_message(std::move(message));
  return end;
}

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_FAILURE_H_
