#include "runtime-v2/host/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/deb_package.h"
#include "runtime-v2/host/kernel_fetch.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/process.h"
#include "runtime-v2/modules/kmod_index.h"
#include "runtime-v2/modules/module_index.h"

namespace wslm {
namespace {

// What the agent needs before it can reach the disk with all modules: the console and control port, SCSI disks, ext4,
// the network device.
constexpr const char* kBootModules[] = {"virtio_mmio",    "virtio_console", "virtio_scsi", "sd_mod",
                                        "crc32c_generic", "ext4",           "virtio_net"};
// Ends the name of each kernel's folder; another when what is made of a package changes.
constexpr char kForm[] = ".2";
constexpr size_t kLargestModule = size_t{64} << 20;
constexpr int64_t kRoomNeeded = int64_t{1200} << 20;
constexpr absl::Duration kMakeImageTimeout = absl::Minutes(10);

std::optional<Kernel> KernelIn(const std::string& folder) {
  const auto release = ReadSmallFile(folder + "/release");
  if (!release.ok()) return std::nullopt;
  return Kernel{.release = *release,
                .vmlinux = folder + "/vmlinux",
                .modules_image = folder + "/modules.img",
                .boot_modules = folder + "/boot"};
}

// The kernel made last, of that release where one is named: a newer package replaces an older one without being asked
// for by name.
std::optional<Kernel> NewestKernel(const std::string& root, const std::string& release = "") {
  DIR* directory = ::opendir(root.c_str());
  if (directory == nullptr) return std::nullopt;
  std::optional<Kernel> newest;
  int64_t newest_time = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string folder = root + "/" + entry->d_name;
    struct stat status {};
    if (!folder.ends_with(kForm) || ::stat((folder + "/release").c_str(), &status) != 0) continue;
    const int64_t time = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (newest && time <= newest_time) continue;
    if (auto kernel = KernelIn(folder); kernel && (release.empty() || kernel->release == release)) {
      newest = std::move(kernel);
      newest_time = time;
    }
  }
  ::closedir(directory);
  return newest;
}

absl::Status IndexFolder(const std::string& root, const std::string& relative, ModuleIndex& index) {
  DIR* directory = ::opendir((root + "/" + relative).c_str());
  if (directory == nullptr) return ErrnoError("cannot open", root + "/" + relative);
  std::vector<std::pair<std::string, bool>> entries;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') entries.emplace_back(entry->d_name, entry->d_type == DT_DIR);
  }
  ::closedir(directory);
  std::sort(entries.begin(), entries.end());
  for (const auto& [name, is_folder] : entries) {
    const std::string path = relative + "/" + name;
    if (is_folder) {
      RETURN_IF_ERROR(IndexFolder(root, path, index));
      continue;
    }
    if (!name.ends_with(".ko")) continue;
    ASSIGN_OR_RETURN(const std::string bytes, ReadSmallFile(root + "/" + path, kLargestModule));
    if (const auto info = ReadModInfo(bytes)) index.Add(path, *info);
  }
  return absl::OkStatus();
}

// The texts are for the agent, the binary forms for the modprobe of distros. It gives up where one is missing, so there
// is an empty one of the symbols, too, which nobody asks for by name.
absl::Status WriteIndexes(const ModuleIndex& index, const std::string& modules) {
  const std::string builtin = ReadSmallFile(modules + "/modules.builtin").value_or("");
  const std::string builtin_modinfo = ReadSmallFile(modules + "/modules.builtin.modinfo").value_or("");
  const std::pair<const char*, std::string> files[] = {
      {"modules.dep", index.DepText()},
      {"modules.alias", index.AliasText()},
      {"modules.softdep", index.SoftdepText()},
      {"modules.dep.bin", KmodIndex(index.DepEntries())},
      {"modules.alias.bin", KmodIndex(index.AliasEntries())},
      {"modules.symbols.bin", KmodIndex({})},
      {"modules.builtin.bin", KmodIndex(BuiltinEntries(builtin))},
      {"modules.builtin.alias.bin", KmodIndex(BuiltinAliasEntries(builtin_modinfo))},
  };
  for (const auto& [name, content] : files) {
    RETURN_IF_ERROR(WriteFileAtomically(modules + "/" + name, content, 0644));
  }
  return absl::OkStatus();
}

absl::Status CopyBootModules(const ModuleIndex& index, const std::string& modules, const std::string& to) {
  RETURN_IF_ERROR(MakeFolders(to));
  std::vector<std::string> order;
  for (const char* name : kBootModules) {
    for (std::string& path : index.LoadOrder(name)) {
      if (std::find(order.begin(), order.end(), path) == order.end()) order.push_back(std::move(path));
    }
  }
  std::string list;
  for (const std::string& path : order) {
    ASSIGN_OR_RETURN(const std::string bytes, ReadSmallFile(modules + "/" + path, kLargestModule));
    RETURN_IF_ERROR(WriteFileAtomically(to + "/" + BaseName(path), bytes, 0644));
    list += BaseName(path) + "\n";
  }
  return WriteFileAtomically(to + "/ORDER", list, 0644);
}

int64_t SizeOfTree(const std::string& folder) {
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return 0;
  int64_t size = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == ".." || ::lstat((folder + "/" + name).c_str(), &status) != 0) continue;
    size += (status.st_size + 4095) / 4096 * 4096;
    if (S_ISDIR(status.st_mode)) size += SizeOfTree(folder + "/" + name);
  }
  ::closedir(directory);
  return size;
}

absl::Status MakeModulesImage(const std::string& modules, const std::string& image) {
  const std::string mke2fs = FindProgram("mke2fs");
  if (mke2fs.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
                 "mke2fs is missing on this host: install the package e2fsprogs.");
  }
  const int64_t kibibytes = SizeOfTree(modules) / 1024 * 21 / 20 + 8192;
  return RunProgram({mke2fs,  "-q",      "-F",
                     "-t",    "ext4",    "-b",
                     "4096",  "-O",      "^has_journal",
                     "-m",    "0",       "-N",
                     "8192",  "-E",      "root_owner=0:0",
                     "-L",    "modules", "-d",
                     modules, image,     std::to_string(kibibytes) + "k"},
                    kMakeImageTimeout)
      .status();
}

absl::Status MakeKernel(const std::string& package, const std::string& folder) {
  ASSIGN_OR_RETURN(const UnpackedKernel unpacked, UnpackKernelPackage(package, folder));
  RETURN_IF_ERROR(WithContext(HostMachine().unpack_kernel(unpacked.bzimage, folder + "/vmlinux"),
                              absl::StrCat("The kernel of ", Escaped(package), " can't be used")));
  ModuleIndex index;
  RETURN_IF_ERROR(IndexFolder(unpacked.modules, "kernel", index));
  RETURN_IF_ERROR(WriteIndexes(index, unpacked.modules));
  RETURN_IF_ERROR(CopyBootModules(index, unpacked.modules, folder + "/boot"));
  RETURN_IF_ERROR(MakeModulesImage(unpacked.modules, folder + "/modules.img"));
  RETURN_IF_ERROR(RemoveTree(unpacked.modules));
  return WriteFileAtomically(folder + "/release", unpacked.release, 0644);
}

std::string FolderOfPackage(const std::string& root, const std::string& package) {
  std::string name = BaseName(package);
  if (name.ends_with(".deb")) name.resize(name.size() - 4);
  return root + "/" + name + kForm;
}

// One process makes the kernel, another that wants it waits.
absl::StatusOr<UniqueFd> LockFolder(const std::string& root) {
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(root + "/.lock", O_RDWR | O_CREAT));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoError("cannot lock", root);
  }
  return lock;
}

}  // namespace

absl::StatusOr<Kernel> EnsureKernel(const std::string& cache_folder,
                                    const std::function<void(const std::string&)>& note) {
  const std::string root = cache_folder + "/kernel";
  RETURN_IF_ERROR(MakeFolders(root));
  ASSIGN_OR_RETURN(const UniqueFd lock, LockFolder(root));
  const char* given = std::getenv("WSLM_KERNEL_DEB");
  std::string package = given == nullptr ? "" : given;
  if (package.empty()) {
    if (auto kernel = NewestKernel(root)) return *kernel;
  } else if (auto kernel = KernelIn(FolderOfPackage(root, package))) {
    return *kernel;
  }
  RETURN_IF_ERROR(CheckFreeSpace(root, kRoomNeeded));
  const std::string staging = root + "/.new";
  RETURN_IF_ERROR(RemoveTree(staging));
  RETURN_IF_ERROR(MakeFolders(staging));
  if (package.empty()) {
    note("fetching the kernel");
    ASSIGN_OR_RETURN(package, FetchKernelPackage(staging));
  }
  note("unpacking the kernel");
  const absl::Status made = MakeKernel(package, staging);
  if (ParentPath(package) == staging) ::unlink(package.c_str());
  if (!made.ok()) {
    // What is left would only take room; the next try removes it too.
    RemoveTree(staging).IgnoreError();
    return made;
  }
  const std::string folder = FolderOfPackage(root, package);
  RETURN_IF_ERROR(RemoveTree(folder));
  ::sync();
  if (::rename(staging.c_str(), folder.c_str()) != 0) return ErrnoError("cannot rename", staging);
  RETURN_IF_ERROR(SyncFolder(root));
  return *KernelIn(folder);
}

std::optional<Kernel> ReadyKernelOf(const std::string& release, const std::string& cache_folder) {
  return NewestKernel(cache_folder + "/kernel", release);
}

std::string ReadyKernelRelease(const std::string& cache_folder) {
  const auto kernel = NewestKernel(cache_folder + "/kernel");
  return kernel ? kernel->release : "";
}

}  // namespace wslm
