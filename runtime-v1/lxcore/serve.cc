#include "runtime-v1/lxcore/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/kept_rights.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/lxcore/fast_path.h"
#include "runtime-v1/lxcore/process_facts.h"
#include "runtime-v1/lxcore/shared_state.h"
#include "runtime-v1/lxcore/supervisor.h"

namespace wslm::lxcore {
namespace {

// Which mounts are whose, told by the first process' mounts and the host's.
absl::StatusOr<GuestFiles::Options> FileOptions(const ServePlan& plan, int proc) {
  GuestFiles::Options options;
  options.second_owner = plan.second_owner;
  for (const MountLine& line : ParseMountInfo(ReadProcFile(proc, "self/mountinfo"))) {
    options.host_devices.insert(line.device);
  }
  const std::string mounts = ReadProcFile(proc, std::to_string(plan.first_process) + "/mountinfo");
  for (const MountLine& line : ParseMountInfo(mounts)) {
    if (line.point != "/") continue;
    options.rootfs_device = line.device;
    options.rootfs_root = line.root;
    options.on_foreign = IsForeignType(line.type);
  }
  struct statx proc_root;
  if (::statx(proc, "", AT_EMPTY_PATH, STATX_MNT_ID, &proc_root) != 0) return ErrnoError("cannot look at", "/proc");
  options.proc_mount = proc_root.stx_mnt_id;
  const std::string rootfs_path = plan.folder + "/rootfs";
  struct stat rootfs;
  if (::stat(rootfs_path.c_str(), &rootfs) != 0) return ErrnoError("cannot look at", rootfs_path);
  options.device = rootfs.st_dev;
  options.drvfs = plan.drvfs;
  return options;
}

// Whether the file system of `folder` knows such attributes.
bool KnowsXattr(const std::string& folder, const char* name) {
  return ::getxattr(folder.c_str(), name, nullptr, 0) >= 0 || errno == ENODATA;
}

FastPath::Options FastPathOptions(const ServePlan& plan, const GuestFiles::Options& files, int proc, uint64_t maker) {
  FastPath::Options options{
      .on = plan.fast_path, .second_owner = plan.second_owner, .device = files.device, .maker = maker};
  // Like memory maps, mountinfo tells of the file system, not of a part of it (a subvolume of btrfs).
  unsigned device_major = 0, device_minor = 0;
  if (std::sscanf(files.rootfs_device.c_str(), "%u:%u", &device_major, &device_minor) == 2) {
    options.mapped_device = makedev(device_major, device_minor);
  }
  const std::string rootfs = plan.folder + "/rootfs";
  options.plain_attributes = KnowsXattr(rootfs, XATTR_NAME_SELINUX) && KnowsXattr(rootfs, kAccessListXattr) &&
                             KnowsXattr(rootfs, kDefaultListXattr);
  struct statx root;
  const std::string name = std::to_string(plan.first_process) + "/root";
  // On file systems of a server's, what the kernel has in memory isn't all.
  if (!files.on_foreign && ::statx(proc, name.c_str(), 0, STATX_MNT_ID, &root) == 0) options.mount_id = root.stx_mnt_id;
  return options;
}

// What serves the guests' calls. Never destroyed: the process ends first.
//
// Where what they know is when lxcore ends:
//
//   calls under way, what was done of them    SharedMemory::slots (Journal)
//   credentials of a thread                   an index in the thread (identities.h); the table, where a stack began
//                                             before an exec under way: KeptLog
//   owners and modes of files                 xattrs; SideStore's database; KeptLog for other file systems than the
//                                             distro's (tmpfs, devpts, message queues)
//   drvfs mounts and their options            KeptLog; those of the automount: ServePlan
//   memory file systems of user namespaces    KeptLog: known devices, who made which
//   owners of System V objects                KeptLog
//   who is behind a Unix socket               KeptLog
//   maps of user namespaces                   KeptLog; what a guest has written and nobody read: KeptFiles
//   loginuid                                  credentials; likewise
//   variables hidden from a set-id program    KeptLog, until its parent has them back
//   calls that wait for a message            KeptLog
//   roots differ, foreign mounts came up      SharedMemory
//   which root and IPC namespace it is in     the thread's own: entered anew
//   fast path                                 copies end with lxcore (fast_path.h); what they have to know of is in
//                                             SideStore
//   mounts, descriptors of threads            looked up when needed
struct State {
  State(SharedState shared_state, std::unique_ptr<SideStore> store, UniqueFd proc_folder, GuestFiles::Options options,
        FastPath::Options fast_options, UniqueFd limit_file)
      : shared(std::move(shared_state)),
        kept(shared->kept),
        kept_files(kept, kFilesInFd, kFilesOutFd, shared->starts),
        side_store(std::move(store)),
        proc(std::move(proc_folder)),
        identities(proc.get(), &kept),
        files(*side_store, identities, std::move(options), &kept),
        user_namespaces(proc.get(), &kept, &kept_files),
        environments(proc.get(), &kept),
        ipc(proc.get(), &kept),
        logins(&kept_files),
        senders(proc.get(), identities, &kept),
        limits(proc.get(), std::move(limit_file)),
        waiting(proc.get(), kListenerFd, &kept),
        paths(proc.get(), [this](uint64_t mount_id) { return files.IsForeign(mount_id); }),
        fast_path(proc.get(), identities, *side_store, fast_options),
        kernel{.proc = proc.get(),
               .identities = identities,
               .files = files,
               .paths = paths,
               .user_namespaces = user_namespaces,
               .environments = environments,
               .ipc = ipc,
               .logins = logins,
               .senders = senders,
               .limits = limits,
               .waiting = waiting,
               .fast_path = fast_path,
               .flush = [this] { return Flush(); }},
        supervisor(kernel, kListenerFd, *shared) {
    identities.set_before_change([this](pid_t tid) { fast_path.BeforeNewCredentials(tid); });
    files.set_on_side_record([this](uint64_t inode) { fast_path.NoteRecord(inode); });
  }

  int Flush() {
    const absl::Status status = side_store->Flush();
    if (!status.ok()) {
      std::fprintf(stderr, "owners and device numbers were not written: %s\n", std::string(status.message()).c_str());
    }
    return ErrnoOf(status);
  }

  SharedState shared;
  KeptLog kept;
  KeptFiles kept_files;
  std::unique_ptr<SideStore> side_store;
  UniqueFd proc;
  Identities identities;
  GuestFiles files;
  UserNamespaces user_namespaces;
  ExecEnvironments environments;
  IpcObjects ipc;
  LoginIds logins;
  Senders senders;
  Limits limits;
  WaitingCalls waiting;
  GuestPaths paths;
  FastPath fast_path;
  Kernel kernel;
  Supervisor supervisor;
};

constexpr char kFolder[] = "--folder=";
constexpr char kSecondOwner[] = "--second-owner=";
constexpr char kFirstProcess[] = "--first-process=";
constexpr char kFastPath[] = "--fast-path";
constexpr char kLimits[] = "--limits=";
// Only where the distro may see the host's files.
constexpr char kDrvfsFolder[] = "--drvfs-folder=";
constexpr char kDrvfsOptions[] = "--drvfs-options=";

// What follows `name` in `argument`, if it begins with that.
std::optional<std::string> ValueOf(const std::string& argument, std::string_view name) {
  if (!argument.starts_with(name)) return std::nullopt;
  return argument.substr(name.size());
}

}  // namespace

std::vector<std::string> ServeArguments(const ServePlan& plan) {
  std::vector<std::string> arguments = {
      "wslm-lxcore",
      "--serve",
      absl::StrCat(kFolder, plan.folder),
      absl::StrCat(kSecondOwner, plan.second_owner.uid, ":", plan.second_owner.gid),
      absl::StrCat(kFirstProcess, plan.first_process),
      absl::StrCat(kDrvfsOptions, DrvfsOptionsText(plan.drvfs.options), plan.drvfs.options.read_only ? ",ro" : "")};
  if (plan.fast_path) arguments.push_back(kFastPath);
  if (!plan.limits.empty()) arguments.push_back(absl::StrCat(kLimits, plan.limits));
  if (plan.drvfs.allowed) arguments.push_back(absl::StrCat(kDrvfsFolder, plan.drvfs.host_folder));
  return arguments;
}

bool ParseServeArgument(const std::string& argument, ServePlan& plan) {
  if (auto folder = ValueOf(argument, kFolder)) {
    plan.folder = *std::move(folder);
    return true;
  }
  if (const auto owner = ValueOf(argument, kSecondOwner)) {
    const std::vector<std::string> ids = absl::StrSplit(*owner, ':');
    return ids.size() == 2 && absl::SimpleAtoi(ids[0], &plan.second_owner.uid) &&
           absl::SimpleAtoi(ids[1], &plan.second_owner.gid);
  }
  if (auto folder = ValueOf(argument, kDrvfsFolder)) {
    plan.drvfs.allowed = true;
    plan.drvfs.host_folder = *std::move(folder);
    return true;
  }
  if (const auto options = ValueOf(argument, kDrvfsOptions)) {
    return ReadDrvfsOptions(*options, plan.drvfs.options).empty();
  }
  if (argument == kFastPath) return plan.fast_path = true;
  if (auto limits = ValueOf(argument, kLimits)) {
    plan.limits = *std::move(limits);
    return true;
  }
  const auto first_process = ValueOf(argument, kFirstProcess);
  return first_process && absl::SimpleAtoi(*first_process, &plan.first_process);
}

absl::Status Serve(const ServePlan& plan, const std::function<void()>& ready) {
  // It was run by a descriptor.
  ::prctl(PR_SET_NAME, "wslm-lxcore");
  ASSIGN_OR_RETURN(SharedState shared, SharedState::Attach(UniqueFd(kStateFd)));
  auto side_store = SideStore::Open(plan.folder, /*read_only=*/false);
  RETURN_IF_ERROR(side_store.status());
  ASSIGN_OR_RETURN(UniqueFd proc, OpenFile("/proc", O_PATH | O_DIRECTORY));
  // A descriptor per guest thread whose identity was asked for, and what walks hold.
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ASSIGN_OR_RETURN(GuestFiles::Options options, FileOptions(plan, proc.get()));
  UniqueFd limit_file;
  if (!plan.limits.empty()) {
    ASSIGN_OR_RETURN(limit_file, OpenFile(plan.limits, O_WRONLY | O_APPEND | O_CREAT, 0600));
  }
  const FastPath::Options fast_options = FastPathOptions(plan, options, proc.get(), ++shared->starts);
  State& state = *new State(std::move(shared), *std::move(side_store), std::move(proc), std::move(options),
                            fast_options, std::move(limit_file));
  std::promise<int> prepared;
  std::thread([&state, &prepared, first_process = plan.first_process] {
    const int error = state.supervisor.Prepare(first_process);
    prepared.set_value(error);
    if (error == 0) state.supervisor.Run();
  }).detach();
  if (const int error = prepared.get_future().get(); error != 0) {
    return ErrnoError("cannot enter the distro in", plan.folder, error);
  }
  std::thread([&state] { state.supervisor.Watch(); }).detach();
  ready();
  pollfd ended = {kInitFd, POLLIN, 0};
  while (::poll(&ended, 1, -1) <= 0) {
  }
  // No guest is left that could make the receiver change anything.
  return state.side_store->Flush();
}

}  // namespace wslm::lxcore
