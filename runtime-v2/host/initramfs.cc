#include "runtime-v2/host/initramfs.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>
#include <vector>

#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"

namespace wslm {
namespace {

constexpr size_t kLargestPart = size_t{64} << 20;
constexpr char kPrefix[] = "initramfs-";

// FNV-1a: to tell one build of ours from the next, not to withstand anybody.
void RemoveOthers(const std::string& folder, const std::string& kept) {
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.starts_with(kPrefix) && name != kept) ::unlinkat(::dirfd(directory), name.c_str(), 0);
  }
  ::closedir(directory);
}

absl::StatusOr<std::string> MakeInitramfs(const InitramfsParts& parts) {
  CpioWriter writer;
  for (const char* folder : {"dev", "proc", "sys", "run", "root", "sbin", "boot-modules"})
    writer.AddFolder(folder, 0755);
  ASSIGN_OR_RETURN(const std::string agent, ReadSmallFile(parts.agent, kLargestPart));
  writer.AddFile("init", 0755, agent);
  // The kernel calls /sbin/modprobe (CONFIG_MODPROBE_PATH).
  writer.AddLink("sbin/modprobe", "/init");
  ASSIGN_OR_RETURN(const std::string init, ReadSmallFile(parts.init, kLargestPart));
  writer.AddFile("wslm-init", 0755, init);
  std::string order;
  if (!parts.boot_modules.empty()) {
    ASSIGN_OR_RETURN(order, ReadSmallFile(parts.boot_modules + "/ORDER"));
  }
  writer.AddFile("boot-modules/ORDER", 0644, order);
  std::istringstream names(order);
  for (std::string name; std::getline(names, name);) {
    ASSIGN_OR_RETURN(const std::string module, ReadSmallFile(parts.boot_modules + "/" + name, kLargestPart));
    writer.AddFile("boot-modules/" + name, 0644, module);
  }
  return writer.Finish();
}

}  // namespace

void CpioWriter::AddFolder(const std::string& path, uint32_t permissions) { Add(path, S_IFDIR | permissions, 2, ""); }

void CpioWriter::AddFile(const std::string& path, uint32_t permissions, std::string_view content) {
  Add(path, S_IFREG | permissions, 1, content);
}

void CpioWriter::AddLink(const std::string& path, std::string_view target) { Add(path, S_IFLNK | 0777, 1, target); }

std::string CpioWriter::Finish() {
  Add("TRAILER!!!", 0, 1, "");
  return std::move(bytes_);
}

void CpioWriter::Add(const std::string& path, uint32_t mode, uint32_t links, std::string_view content) {
  // Magic, inode, mode, uid, gid, links, time, size, device and rdev (major, minor each), length of the name, checksum.
  const uint32_t fields[] = {next_inode_++,
                             mode,
                             0,
                             0,
                             links,
                             0,
                             static_cast<uint32_t>(content.size()),
                             0,
                             0,
                             0,
                             0,
                             static_cast<uint32_t>(path.size() + 1),
                             0};
  bytes_ += "070701";
  for (const uint32_t field : fields) {
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08X", field);
    bytes_ += hex;
  }
  bytes_ += path;
  bytes_ += '\0';
  bytes_.resize((bytes_.size() + 3) / 4 * 4);
  bytes_ += content;
  bytes_.resize((bytes_.size() + 3) / 4 * 4);
}

absl::StatusOr<std::string> EnsureInitramfs(const InitramfsParts& parts, const std::string& folder) {
  std::vector<std::string> files = {parts.agent, parts.init};
  if (!parts.boot_modules.empty()) files.push_back(parts.boot_modules + "/ORDER");
  std::string identity;
  for (const std::string& path : files) {
    ASSIGN_OR_RETURN(const std::string one, FileIdentity(path));
    identity += one + "\n";
  }
  const std::string name = kPrefix + NameOfIdentity(identity) + ".cpio";
  const std::string path = folder + "/" + name;
  if (PathExists(path)) return path;
  RETURN_IF_ERROR(MakeFolders(folder));
  ASSIGN_OR_RETURN(const std::string bytes, MakeInitramfs(parts));
  RETURN_IF_ERROR(WriteFileAtomically(path, bytes, 0644));
  RemoveOthers(folder, name);
  return path;
}

}  // namespace wslm
