#include "daemon/sessions/attach_tokens.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr size_t kTokenBytes = 16;
constexpr size_t kTokenDigits = 2 * kTokenBytes;

// Takes the same time wherever they differ.
bool Same(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttachTokens>> AttachTokens::Open(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  std::unique_ptr<AttachTokens> tokens(new AttachTokens(folder));
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) names.push_back(file.path().filename());
  if (error) return ErrnoError("cannot read", folder, error.value());
  for (const auto& name : names) {
    const std::string path = folder + "/" + name;
    const auto text = ReadSmallFile(path);
    const std::vector<std::string> words = text.ok() ? absl::StrSplit(*text, ' ') : std::vector<std::string>();
    if (words.size() == 2 && words[1].size() == kTokenDigits) {
      tokens->records_[name] = {words[0], words[1], absl::Now()};
    } else {
      // Half written when a daemon died: nobody was told the token.
      ::unlink(path.c_str());
    }
  }
  return tokens;
}

absl::StatusOr<std::string> AttachTokens::Issue(const std::string& session_id, const std::string& distro_id) {
  const std::string token = RandomHex(kTokenBytes);
  const std::string path = folder_ + "/" + session_id;
  ASSIGN_OR_RETURN(UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  RETURN_IF_ERROR(FdByteSink(std::move(file), path)->Write(absl::StrCat(distro_id, " ", token)));
  std::lock_guard lock(mutex_);
  records_[session_id] = {distro_id, token, absl::Now()};
  return token;
}

absl::StatusOr<std::string> AttachTokens::Check(const std::string& session_id, const std::string& token) const {
  std::lock_guard lock(mutex_);
  const auto record = records_.find(session_id);
  if (record == records_.end() || !Same(record->second.token, token)) {
    return Error(absl::StatusCode::kNotFound, reason::kSessionNotFound,
                 absl::StrCat("There is no session '", session_id, "' that this token opens."),
                 {{"session", session_id}});
  }
  return record->second.distro_id;
}

std::optional<std::string> AttachTokens::DistroOf(const std::string& session_id) const {
  std::lock_guard lock(mutex_);
  const auto record = records_.find(session_id);
  if (record == records_.end()) return std::nullopt;
  return record->second.distro_id;
}

std::set<std::string> AttachTokens::Distros() const {
  std::lock_guard lock(mutex_);
  std::set<std::string> distros;
  for (const auto& [id, record] : records_) distros.insert(record.distro_id);
  return distros;
}

void AttachTokens::Forget(const std::string& session_id) {
  std::lock_guard lock(mutex_);
  ForgetLocked(session_id);
}

void AttachTokens::ForgetAllBut(const std::string& distro_id, const std::set<std::string>& alive) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> gone;
  for (const auto& [id, record] : records_) {
    // A session is not in a list before it has begun.
    if (record.distro_id == distro_id && alive.count(id) == 0 && absl::Now() - record.issued > absl::Minutes(1)) {
      gone.push_back(id);
    }
  }
  for (const auto& id : gone) ForgetLocked(id);
}

void AttachTokens::ForgetLocked(const std::string& session_id) {
  if (records_.erase(session_id) > 0) ::unlink((folder_ + "/" + session_id).c_str());
}

}  // namespace wslm::daemon
