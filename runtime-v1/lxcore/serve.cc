#include "runtime-v1/lxcore/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
#include "distros/lxfs/side_store.h"
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

// What serves the guests' calls. Never destroyed: the process ends first.
struct State {
  State(SharedState shared_state, std::unique_ptr<SideStore> store, UniqueFd proc_folder, GuestFiles::Options options)
      : shared(std::move(shared_state)),
        kept(shared->kept),
        side_store(std::move(store)),
        proc(std::move(proc_folder)),
        identities(proc.get(), &kept),
        files(*side_store, identities, std::move(options), &kept),
        user_namespaces(proc.get()),
        environments(proc.get()),
        ipc(proc.get()),
        paths(proc.get(), [this](uint64_t mount_id) { return files.IsForeign(mount_id); }),
        kernel{.proc = proc.get(),
               .identities = identities,
               .files = files,
               .paths = paths,
               .user_namespaces = user_namespaces,
               .environments = environments,
               .ipc = ipc,
               .logins = logins,
               .flush = [this] { return Flush(); }},
        supervisor(kernel, kListenerFd, *shared) {}

  int Flush() {
    const absl::Status status = side_store->Flush();
    if (!status.ok()) {
      std::fprintf(stderr, "owners and device numbers were not written: %s\n", std::string(status.message()).c_str());
    }
    return ErrnoOf(status);
  }

  SharedState shared;
  KeptLog kept;
  std::unique_ptr<SideStore> side_store;
  UniqueFd proc;
  Identities identities;
  GuestFiles files;
  UserNamespaces user_namespaces;
  ExecEnvironments environments;
  IpcObjects ipc;
  LoginIds logins;
  GuestPaths paths;
  Kernel kernel;
  Supervisor supervisor;
};

constexpr char kFolder[] = "--folder=";
constexpr char kSecondOwner[] = "--second-owner=";
constexpr char kFirstProcess[] = "--first-process=";
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
  State& state = *new State(std::move(shared), *std::move(side_store), std::move(proc), std::move(options));
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
