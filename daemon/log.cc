#include "daemon/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;
constexpr size_t kOldFiles = 3;

class FileLog : public Log {
 public:
  explicit FileLog(std::vector<spdlog::sink_ptr> sinks) : logger_("wslmd", sinks.begin(), sinks.end()) {
    logger_.set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
    logger_.flush_on(spdlog::level::info);
  }

  void Info(std::string_view message) override { Write(spdlog::level::info, message); }
  void Warning(std::string_view message) override { Write(spdlog::level::warn, message); }
  void Error(std::string_view message) override { Write(spdlog::level::err, message); }

 private:
  void Write(spdlog::level::level_enum level, std::string_view message) { logger_.log(level, Escaped(message)); }

  spdlog::logger logger_;
};

class NullLog : public Log {
 public:
  void Info(std::string_view) override {}
  void Warning(std::string_view) override {}
  void Error(std::string_view) override {}
};

}  // namespace

absl::StatusOr<std::unique_ptr<Log>> OpenLog(const std::string& path, bool to_stderr) {
  // spdlog says by an exception that it can't open the file.
  try {
    std::vector<spdlog::sink_ptr> sinks;
    sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kMaxFileBytes, kOldFiles));
    if (to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    return std::make_unique<FileLog>(std::move(sinks));
  } catch (const spdlog::spdlog_ex& error) {
    return wslm::Error(absl::StatusCode::kUnavailable, reason::kIoError, error.what(), {{"path", path}});
  }
}

std::unique_ptr<Log> NoLog() { return std::make_unique<NullLog>(); }

}  // namespace wslm::daemon
