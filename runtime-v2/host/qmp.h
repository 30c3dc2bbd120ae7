// QEMU's machine protocol: commands, their answers, and events.
//
//   ASSIGN_OR_RETURN(auto qmp, Qmp::Connect(path, absl::Seconds(5), [](const std::string& event, const Json& data)
//   {…})); ASSIGN_OR_RETURN(Json answer, qmp->Execute("query-status", {}));
//
// QEMU serves one client at a time. A thread of its own reads. Thread-safe.
#ifndef WSLM_RUNTIME_V2_HOST_QMP_H_
#define WSLM_RUNTIME_V2_HOST_QMP_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"
#include "nlohmann/json.hpp"

namespace wslm {

using Json = nlohmann::json;

// A member of a JSON object; "" or false when it isn't there or is something else.
std::string JsonText(const Json& object, const char* key);
bool JsonFlag(const Json& object, const char* key);

class Qmp {
 public:
  struct Event {
    std::string name;
    Json data;
  };
  // Called on the reading thread: do not block, do not call Execute. An event without a name: the connection ended.
  using EventHandler = std::function<void(const Event&)>;

  // Connects (trying again while the socket isn't there, unless `give_up`, which may be null, says that it will not
  // come), negotiates. Errors: UNAVAILABLE, DEADLINE_EXCEEDED.
  static absl::StatusOr<std::unique_ptr<Qmp>> Connect(const std::string& socket, absl::Duration timeout,
                                                      EventHandler on_event,
                                                      const std::function<bool()>& give_up = nullptr);
  ~Qmp();

  // Runs a command and answers its "return". `fd` >= 0 goes along. Errors: INTERNAL with QEMU's words, UNAVAILABLE.
  absl::StatusOr<Json> Execute(const std::string& command, const Json& arguments, int fd = -1,
                               absl::Duration timeout = absl::Seconds(30));

 private:
  struct Pending {
    bool done = false;
    absl::StatusOr<Json> answer = Json();
  };

  Qmp(UniqueFd socket, EventHandler on_event);
  absl::Status Negotiate(absl::Duration timeout);
  absl::Status SendAll(const std::string& bytes, int fd);
  void ReadLoop();
  void HandleLine(const std::string& line);
  void CloseAll();

  const UniqueFd socket_;
  const EventHandler on_event_;
  std::mutex write_mutex_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool greeted_ = false;
  bool closed_ = false;
  int64_t next_id_ = 1;
  std::map<int64_t, std::shared_ptr<Pending>> pending_;
  std::thread reader_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_QMP_H_
