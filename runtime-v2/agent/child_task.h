// Work that blocks, done in a forked child, so that it holds nobody up.
#ifndef WSLM_RUNTIME_V2_AGENT_CHILD_TASK_H_
#define WSLM_RUNTIME_V2_AGENT_CHILD_TASK_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// An error as it goes over the wire, and back.
runtime::v1::StreamEnd ToStreamEnd(const absl::Status& status);
absl::Status FromStreamEnd(const runtime::v1::StreamEnd& end);

struct ChildLimit {
  std::chrono::milliseconds after;
  // A sentence for whoever waits.
  std::string_view words;
};

// Forks a child that runs `work`; `done` is called from the loop with what it returned and with what it put into its
// argument. A child that dies gives INTERNAL. One that is at it for longer than `limit` is killed, which gives
// DEADLINE_EXCEEDED with its words, though it may go later: what can't be interrupted is waited for. What the child
// changes in memory is lost.
void RunInChild(EventLoop& loop, const std::function<absl::Status(std::string& result)>& work,
                std::function<void(absl::Status status, std::string result)> done,
                std::optional<ChildLimit> limit = std::nullopt);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_CHILD_TASK_H_
