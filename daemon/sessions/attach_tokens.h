// The right to attach to a session: a secret for each, kept in memory and in a file, so that the next daemon knows it
// too.
//
// FOLDER/SESSION (mode 0600) holds the distro's id and the token. Thread-safe.
#ifndef WSLM_DAEMON_SESSIONS_ATTACH_TOKENS_H_
#define WSLM_DAEMON_SESSIONS_ATTACH_TOKENS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wslm::daemon {

class AttachTokens {
 public:
  // Makes the folder and reads what is in it; what is no token is removed. Error: IO_ERROR.
  static absl::StatusOr<std::unique_ptr<AttachTokens>> Open(const std::string& folder);

  // A new token for a session. Error: IO_ERROR, DISK_FULL.
  absl::StatusOr<std::string> Issue(const std::string& session_id, const std::string& distro_id);
  // The distro of the session, when the token is right. Error: SESSION_NOT_FOUND.
  absl::StatusOr<std::string> Check(const std::string& session_id, const std::string& token) const;
  // nullopt: not known.
  std::optional<std::string> DistroOf(const std::string& session_id) const;

  // Those that have a session here.
  std::set<std::string> Distros() const;

  void Forget(const std::string& session_id);
  // Forgets the distro's sessions but `alive` and those begun within the last minute.
  void ForgetAllBut(const std::string& distro_id, const std::set<std::string>& alive);

 private:
  struct Record {
    std::string distro_id;
    std::string token;
    absl::Time issued;
  };

  explicit AttachTokens(std::string folder) : folder_(std::move(folder)) {}
  void ForgetLocked(const std::string& session_id);

  const std::string folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Record> records_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_ATTACH_TOKENS_H_
