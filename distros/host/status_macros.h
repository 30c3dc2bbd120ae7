// Early return on errors.
//
//   RETURN_IF_ERROR(Flush());
//   ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path));
#ifndef WSLM_DISTROS_HOST_STATUS_MACROS_H_
#define WSLM_DISTROS_HOST_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define WSLM_MACRO_JOIN_INNER(a, b) a##b
#define WSLM_MACRO_JOIN(a, b) WSLM_MACRO_JOIN_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                  \
    if (absl::Status wslm_status = (expression); !wslm_status.ok()) return wslm_status; \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  WSLM_ASSIGN_OR_RETURN(WSLM_MACRO_JOIN(wslm_status_or_, __LINE__), target, expression)
#define WSLM_ASSIGN_OR_RETURN(status_or, target, expression) \
  auto status_or = (expression);                             \
  if (!status_or.ok()) return std::move(status_or).status(); \
  target = *std::move(status_or)

#endif  // WSLM_DISTROS_HOST_STATUS_MACROS_H_
