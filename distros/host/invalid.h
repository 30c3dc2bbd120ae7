// The error of a request that can't be: Error(…) of error.h, by the field that is wrong.
#ifndef WSLM_DISTROS_HOST_INVALID_H_
#define WSLM_DISTROS_HOST_INVALID_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "distros/host/error.h"

namespace wslm {

// INVALID_ARGUMENT: `sentence` says what is wrong with that field.
inline absl::Status Invalid(std::string_view field, std::string_view sentence) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, sentence, {{"field", std::string(field)}});
}

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_INVALID_H_
