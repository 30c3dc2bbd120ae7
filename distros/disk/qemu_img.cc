#include "distros/disk/qemu_img.h"

#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "distros/host/error.h"
#include "distros/host/host_tool.h"
#include "distros/host/status_macros.h"

namespace wslm::disk {
namespace {

// The table of a VHDX of 64 TiB in blocks of 1 MiB takes 512 MiB.
constexpr int64_t kMemory = int64_t{2} << 30;
// It reads many times as much a second of what is compressed best.
constexpr int64_t kSlowestBytesASecond = 2 << 20;
constexpr int64_t kLeastSeconds = 600;
constexpr size_t kQuotedOutput = 500;

constexpr char kSource[] = "/dev/fd/3";
constexpr char kTarget[] = "/dev/fd/4";

// The whole graph of QEMU's nodes, so that nothing is left for a header to say.
std::string SourceOptions(const DiskFacts& facts) {
  std::string options = absl::StrCat("driver=", std::string(QemuDriver(facts.format)));
  switch (facts.format) {
    case DiskFormat::kQcow2:
      // None, whatever it says.
      options += ",backing=";
      break;
    case DiskFormat::kVhd:
    case DiskFormat::kVhdFixed:
      // Else it depends on the program that made it whether its size or its number of cylinders counts.
      options += ",force_size_calc=current_size";
      break;
    case DiskFormat::kRaw:
    case DiskFormat::kVhdx:
      break;
  }
  return absl::StrCat(options, ",file.driver=file,file.filename=", kSource);
}

absl::Status Run(const std::vector<std::string>& arguments, const OpenImage& image, const OpenTarget* target,
                 const CancelFlag* cancel) {
  struct stat st;
  if (::fstat(image.fd, &st) != 0) return ErrnoError("cannot read", image.path);
  ToolOptions options = {.cancel = cancel,
                         .memory = kMemory,
                         .processor_seconds = kLeastSeconds + st.st_size / kSlowestBytesASecond,
                         .descriptors = {image.fd}};
  if (target != nullptr) options.descriptors.push_back(target->fd);
  ASSIGN_OR_RETURN(const ToolResult result, RunTool("qemu-img", arguments, options));
  if (result.exit_code == 0) return absl::OkStatus();
  const std::string& written = target == nullptr ? image.path : target->path;
  if (absl::StrContains(result.output, "No space left on device")) {
    return ErrnoError("cannot write", written, ENOSPC);
  }
  const std::string words = absl::StrReplaceAll(absl::StripAsciiWhitespace(result.output).substr(0, kQuotedOutput),
                                                {{kSource, image.path}, {kTarget, written}});
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("qemu-img can't read ", Escaped(image.path), " as ",
                            std::string(DiskFormatName(image.facts.format)), ": ", Escaped(words)),
               {{"path", image.path}});
}

}  // namespace

std::string_view QemuDriver(DiskFormat format) {
  switch (format) {
    case DiskFormat::kRaw:
      return "raw";
    case DiskFormat::kQcow2:
      return "qcow2";
    case DiskFormat::kVhd:
    case DiskFormat::kVhdFixed:
      return "vpc";
    case DiskFormat::kVhdx:
      return "vhdx";
  }
  return "raw";
}

absl::Status ConvertToRaw(const OpenImage& image, const OpenTarget& raw, const CancelFlag* cancel) {
  // It is told that the target is there and reads as zeros, and so writes none.
  if (::ftruncate(raw.fd, image.facts.virtual_size) != 0) return ErrnoError("cannot set the size of", raw.path);
  return Run({"convert", "--image-opts", "-n", "--target-is-zero", "-S", "4k", "-O", "raw", SourceOptions(image.facts),
              kTarget},
             image, &raw, cancel);
}

absl::Status ReadHead(const OpenImage& image, int64_t length, const OpenTarget& raw, const CancelFlag* cancel) {
  return Run({"dd", "--image-opts", "-O", "raw", absl::StrCat("bs=", length), "count=1",
              absl::StrCat("if=", SourceOptions(image.facts)), absl::StrCat("of=", kTarget)},
             image, &raw, cancel);
}

absl::Status ConvertFromRaw(const OpenImage& image, DiskFormat format, const OpenTarget& target,
                            const CancelFlag* cancel) {
  std::vector<std::string> arguments = {"convert", "--image-opts", "-S", "4k", "-O", std::string(QemuDriver(format))};
  switch (format) {
    case DiskFormat::kVhd:
      // The size to the byte, not rounded to whole cylinders.
      arguments.insert(arguments.end(), {"-o", "subformat=dynamic,force_size=on"});
      break;
    case DiskFormat::kVhdFixed:
      arguments.insert(arguments.end(), {"-o", "subformat=fixed,force_size=on"});
      break;
    case DiskFormat::kVhdx:
      // Small blocks, as Windows makes them for such disks: what is used is scattered.
      arguments.insert(arguments.end(), {"-o", "subformat=dynamic,block_size=1M"});
      break;
    case DiskFormat::kRaw:
    case DiskFormat::kQcow2:
      break;
  }
  arguments.insert(arguments.end(), {SourceOptions(image.facts), kTarget});
  return Run(arguments, image, &target, cancel);
}

absl::Status ReplayVhdxLog(const OpenTarget& image, const CancelFlag* cancel) {
  const OpenImage self = {.fd = image.fd, .facts = {.format = DiskFormat::kVhdx}, .path = image.path};
  return Run({"check", "-q", "-r", "all", "--image-opts", SourceOptions(self.facts)}, self, nullptr, cancel);
}

}  // namespace wslm::disk
