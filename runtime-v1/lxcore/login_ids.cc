#include "runtime-v1/lxcore/login_ids.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <utility>

namespace wslm::lxcore {

LoginIds::LoginIds(KeptFiles* files) : files_(files) {
  if (files_ == nullptr) return;
  for (auto& [tid, file] : files_->TakeLeft(KeptFiles::kLogin)) {
    written_.emplace(static_cast<pid_t>(tid), std::move(file));
  }
}

UniqueFd LoginIds::OpenToWrite(pid_t tid, uint32_t now, uint64_t flags) {
  const bool shows_now = (flags & O_ACCMODE) == O_RDWR && !(flags & O_TRUNC);
  const std::string text = shows_now ? std::to_string(now) : "";
  UniqueFd file(::memfd_create("proc", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) return {};
  const std::string name = "self/fd/" + std::to_string(file.get());
  UniqueFd theirs(::open(name.c_str(), static_cast<int>(flags & O_ACCMODE) | O_CLOEXEC));
  if (!theirs) return theirs;
  if (files_ != nullptr) files_->Put({KeptFiles::kLogin, static_cast<uint64_t>(tid)}, file.get());
  written_.insert_or_assign(tid, std::move(file));
  return theirs;
}

std::optional<uint32_t> LoginIds::Read(pid_t tid) const {
  const auto found = written_.find(tid);
  if (found == written_.end()) return std::nullopt;
  char text[32];
  const ssize_t size = ::pread(found->second.get(), text, sizeof(text), 0);
  uint32_t id = 0;
  if (size <= 0 || std::from_chars(text, text + size, id).ec != std::errc()) return std::nullopt;
  return id;
}

void LoginIds::Forget(pid_t tid) {
  if (written_.erase(tid) != 0 && files_ != nullptr) {
    files_->Remove({KeptFiles::kLogin, static_cast<uint64_t>(tid)});
  }
}

}  // namespace wslm::lxcore
