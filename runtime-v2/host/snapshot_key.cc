#include "runtime-v2/host/snapshot_key.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"

namespace wslm {
namespace {

// Another when what we make of the same VM changes.
constexpr char kForm[] = "1";
constexpr size_t kBeginningOfElf = size_t{64} << 10;

// Copies a struct out of bytes that may end before it.
template <class T>
bool Take(std::string_view bytes, uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return true;
}

uint64_t Aligned(uint64_t size) { return (size + 3) / 4 * 4; }

std::string BuildIdInNotes(std::string_view notes) {
  Elf64_Nhdr note{};
  for (uint64_t at = 0; Take(notes, at, note);) {
    const uint64_t name = at + sizeof note;
    const uint64_t content = name + Aligned(note.n_namesz);
    at = content + Aligned(note.n_descsz);
    if (at > notes.size()) return "";
    if (note.n_type != NT_GNU_BUILD_ID || notes.substr(name, note.n_namesz) != std::string_view("GNU\0", 4)) continue;
    const std::string_view id = notes.substr(content, note.n_descsz);
    return absl::BytesToHexString(absl::string_view(id.data(), id.size()));
  }
  return "";
}

absl::StatusOr<std::string> BuildIdOf(const std::string& program) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(program, O_RDONLY));
  std::string bytes(kBeginningOfElf, '\0');
  const ssize_t count = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
  std::string id = BuildIdIn(bytes);
  if (id.empty()) return absl::NotFoundError(program + " has no build id.");
  return id;
}

// The first processor's name and features.
std::string HostProcessor() {
  std::istringstream lines(ReadSmallFile("/proc/cpuinfo", size_t{16} << 20).value_or(""));
  std::string text;
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    if (line.starts_with("model name") || line.starts_with("flags")) text += line + "\n";
  }
  return text;
}

}  // namespace

std::string BuildIdIn(std::string_view elf) {
  Elf64_Ehdr header{};
  if (!Take(elf, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64) {
    return "";
  }
  Elf64_Phdr segment{};
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    if (!Take(elf, header.e_phoff + i * sizeof segment, segment)) return "";
    if (segment.p_type != PT_NOTE || segment.p_offset > elf.size()) continue;
    if (std::string id = BuildIdInNotes(elf.substr(segment.p_offset, segment.p_filesz)); !id.empty()) return id;
  }
  return "";
}

absl::StatusOr<std::string> SnapshotKey(QemuOptions options) {
  ASSIGN_OR_RETURN(const std::string build, BuildIdOf(options.program));
  std::string key = absl::StrCat("form ", kForm, "\nqemu ", build, "\n");
  for (const std::string& path : {options.kernel, options.initramfs, options.modules_image}) {
    // A kernel may have no modules.
    if (path.empty()) continue;
    ASSIGN_OR_RETURN(const std::string identity, FileIdentity(path));
    absl::StrAppend(&key, identity, "\n");
  }
  options.tsc_khz = 0;
  // Its build says more than where it was found by this environment's PATH.
  options.program.clear();
  options.control_socket.clear();
  options.qmp_socket.clear();
  options.console_log.clear();
  for (const std::string& argument : QemuArguments(options)) absl::StrAppend(&key, argument, "\n");
  return key + HostProcessor();
}

absl::StatusOr<std::string> MachineKey(QemuOptions options) {
  options.incoming = true;
  options.kernel.clear();
  options.initramfs.clear();
  options.kernel_command_line.clear();
  return SnapshotKey(std::move(options));
}

}  // namespace wslm
