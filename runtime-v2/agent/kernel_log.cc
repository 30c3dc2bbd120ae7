#include "runtime-v2/agent/kernel_log.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "distros/host/error.h"
#include "runtime-v2/agent/cgroup.h"

namespace wslm {
namespace {

// A record of the kernel's is at most this long (Documentation/ABI/testing/dev-kmsg; CONSOLE_EXT_LOG_MAX).
constexpr size_t kLongestRecord = 8192;
// At a time: the loop has others to serve, and comes back while there is more.
constexpr int kMostRecords = 256;
constexpr std::string_view kCgroups = "/wslm/";

// What stands between `begin` and the next `end` behind it; nothing when one is missing.
std::optional<std::string_view> Between(std::string_view text, std::string_view begin, std::string_view end) {
  const size_t at = text.find(begin);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + begin.size());
  const size_t length = text.find(end);
  if (length == std::string_view::npos) return std::nullopt;
  return text.substr(0, length);
}

// "oom-kill:constraint=CONSTRAINT_…,…,global_oom,task_memcg=/wslm/ID/…,task=NAME,pid=PID,uid=0"; where a control group
// has reached its limit, oom_memcg=GROUP is in the place of global_oom (dump_oom_summary in mm/oom_kill.c).
std::optional<KernelEvent> ReadOomKill(std::string_view text) {
  const bool limited = text.starts_with("oom-kill:constraint=CONSTRAINT_MEMCG,");
  const auto cgroup = limited ? Between(text, ",oom_memcg=", ",task_memcg=") : Between(text, ",task_memcg=", ",task=");
  const auto name = Between(text, ",task=", ",pid=");
  const auto pid = Between(text, ",pid=", ",uid=");
  if (!cgroup || !name || !pid) return std::nullopt;
  KernelEvent event{.kind = limited ? runtime::v1::NOTICE_KIND_MEMORY_LIMIT : runtime::v1::NOTICE_KIND_OUT_OF_MEMORY,
                    .process = std::string(*name) + " (process " + std::string(*pid) + ")"};
  if (cgroup->starts_with(kCgroups)) {
    std::string_view below = cgroup->substr(kCgroups.size());
    event.distro_id = std::string(below.substr(0, below.find('/')));
    below.remove_prefix(event.distro_id.size());
    const std::string seen = std::string(kSeenRoot) + "/";
    if (limited && below.starts_with(seen)) event.limited_cgroup = std::string(below.substr(seen.size()));
  }
  return event;
}

// "EXT4-fs (sdb): Remounting filesystem read-only"
std::optional<KernelEvent> ReadReadOnly(std::string_view text) {
  const auto disk = Between(text, "EXT4-fs (", "): Remounting filesystem read-only");
  if (!disk) return std::nullopt;
  return KernelEvent{.kind = runtime::v1::NOTICE_KIND_READ_ONLY, .disk = std::string(*disk)};
}

}  // namespace

std::optional<KernelEvent> ReadKernelRecord(std::string_view record) {
  // "PRIORITY,SEQUENCE,TIME,FLAGS[,…];TEXT\n KEY=VALUE\n": the priority is the level and 8 times the facility, which is
  // 0 for the kernel and which no program can give its own lines.
  int priority = -1;
  const char* const end = record.data() + record.size();
  const auto [rest, error] = std::from_chars(record.data(), end, priority);
  const size_t semicolon = record.find(';');
  if (error != std::errc() || rest == end || priority < 0 || priority > 7 || semicolon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));
  if (text.starts_with("oom-kill:")) return ReadOomKill(text);
  if (text.starts_with("EXT4-fs (")) return ReadReadOnly(text);
  return std::nullopt;
}

absl::Status KernelLog::Begin() {
  log_.Reset(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log_ || ::lseek(log_.get(), 0, SEEK_END) < 0) return ErrnoError("cannot open", "/dev/kmsg");
  if (!loop_.Watch(log_.get(), EPOLLIN, [this](uint32_t) { Read(); })) return ErrnoError("cannot watch", "/dev/kmsg");
  return absl::OkStatus();
}

void KernelLog::Read() {
  char record[kLongestRecord];
  for (int i = 0; i < kMostRecords; ++i) {
    const ssize_t size = ::read(log_.get(), record, sizeof record);
    // EPIPE: records were overwritten before they were read; the next read goes on behind them.
    if (size < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (size <= 0) return;
    if (const auto event = ReadKernelRecord(std::string_view(record, static_cast<size_t>(size)))) on_event_(*event);
  }
}

}  // namespace wslm
