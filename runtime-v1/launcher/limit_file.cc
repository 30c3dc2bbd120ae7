#include "runtime-v1/launcher/limit_file.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <utility>

namespace wslm {
namespace {

std::string KindOf(const std::string& line) { return line.substr(0, line.find('\t')); }

std::string ProgramOf(const std::string& line) {
  const size_t tab = line.find('\t');
  return tab == std::string::npos ? "" : line.substr(tab + 1);
}

// What is there to be read, to the end.
std::string ReadOn(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t size;
  while ((size = ::read(fd, buffer, sizeof(buffer))) > 0) text.append(buffer, size);
  return text;
}

// Takes the first whole line off. False: there is none.
bool TakeLine(std::string& text, std::string& line) {
  const size_t end = text.find('\n');
  if (end == std::string::npos) return false;
  line = text.substr(0, end);
  text.erase(0, end + 1);
  return true;
}

}  // namespace

LimitFile::LimitFile(const std::string& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), watch_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!file_ || ::inotify_add_watch(watch_.get(), path.c_str(), IN_MODIFY) < 0) watch_.Reset();
  rest_ = ReadOn(file_.get());
  std::string line;
  while (TakeLine(rest_, line)) {
    reached_.insert(KindOf(line));
    told_.insert(KindOf(line));
  }
}

void LimitFile::SetCallback(runtime::v1::Instance::LimitCallback callback) {
  std::lock_guard lock(mutex_);
  callback_ = std::move(callback);
}

void LimitFile::Tell() {
  std::lock_guard lock(mutex_);
  ReadOn(watch_.get());
  if (!callback_) return;
  rest_ += ReadOn(file_.get());
  std::string line;
  while (TakeLine(rest_, line)) {
    const std::string kind = KindOf(line);
    if (told_.contains(kind)) continue;
    const bool first = reached_.insert(kind).second;
    if (callback_({.kind = kind, .program = ProgramOf(line), .first = first})) told_.insert(kind);
  }
}

}  // namespace wslm
