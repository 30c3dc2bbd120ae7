#include "runtime-v1/lxcore/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/side_store.h"
#include "runtime-v1/lxcore/fast_path.h"
#include "runtime-v1/lxcore/process_facts.h"
#include "runtime-v1/lxcore/supervisor.h"
#include "runtime-v1/lxcore/user_namespace.h"

namespace wslm::lxcore {
namespace {

// Which mounts are whose, told by the first process' mounts and the host's.
absl::StatusOr<GuestFiles::Options> FileOptions(const InstancePlan& plan, int proc, pid_t first_process) {
  GuestFiles::Options options;
  options.second_owner = plan.second_owner;
  for (const MountLine& line : ParseMountInfo(ReadProcFile(proc, "self/mountinfo"))) {
    options.host_devices.insert(line.device);
  }
  const std::string mounts = ReadProcFile(proc, std::to_string(first_process) + "/mountinfo");
  for (const MountLine& line : ParseMountInfo(mounts)) {
    if (line.point != "/") continue;
    options.rootfs_device = line.device;
    options.rootfs_root = line.root;
    options.on_foreign = IsForeignType(line.type);
  }
  struct statx proc_root;
  if (::statx(proc, "", AT_EMPTY_PATH, STATX_MNT_ID, &proc_root) != 0) return ErrnoError("cannot look at", "/proc");
  options.proc_mount = proc_root.stx_mnt_id;
  struct stat rootfs;
  if (::stat(plan.container.mounts.rootfs.c_str(), &rootfs) != 0) {
    return ErrnoError("cannot look at", plan.container.mounts.rootfs);
  }
  options.device = rootfs.st_dev;
  const MountPlan& mounted = plan.container.mounts;
  options.drvfs = {.allowed = mounted.automount,
                   .host_folder = mounted.conf.host_folder,
                   .options = mounted.conf.drvfs,
                   .mounts = {}};
  return options;
}

FastPath::Options FastPathOptions(const InstancePlan& plan, const GuestFiles::Options& files, int proc,
                                  pid_t first_process) {
  FastPath::Options options{.on = plan.fast_path, .second_owner = plan.second_owner, .device = files.device};
  struct statx root;
  const std::string name = std::to_string(first_process) + "/root";
  // On file systems of a server's, what the kernel has in memory isn't all.
  if (!files.on_foreign && ::statx(proc, name.c_str(), 0, STATX_MNT_ID, &root) == 0) options.mount_id = root.stx_mnt_id;
  return options;
}

// What serves the guests' calls.
struct State {
  State(std::unique_ptr<SideStore> store, UniqueFd proc_folder, GuestFiles::Options options,
        FastPath::Options fast_options, UniqueFd limit_file, int listener)
      : side_store(std::move(store)),
        proc(std::move(proc_folder)),
        identities(proc.get()),
        files(*side_store, identities, std::move(options)),
        user_namespaces(proc.get()),
        environments(proc.get()),
        ipc(proc.get()),
        senders(proc.get(), identities),
        limits(proc.get(), std::move(limit_file)),
        waiting(proc.get(), listener),
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
        supervisor(kernel, listener) {
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

}  // namespace

absl::StatusOr<int> RunInstance(InstancePlan plan, const std::function<void()>& ready) {
  // Taken by Container::Wait; all threads inherit that it is blocked, and the first process unblocks it.
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  auto side_store = SideStore::Open(plan.folder, /*read_only=*/false);
  RETURN_IF_ERROR(side_store.status());
  RETURN_IF_ERROR(EnterUserNamespace());
  ASSIGN_OR_RETURN(UniqueFd proc, OpenFile("/proc", O_PATH | O_DIRECTORY));
  plan.fast_path = plan.fast_path && plan.container.mounts.conf.fastpath;
  plan.container.fast_path = plan.fast_path;
  ASSIGN_OR_RETURN(Container container, Container::Make(plan.container));
  // After the first process was made, which keeps the user's own limits.
  // A descriptor per guest thread whose identity was asked for, and what walks hold.
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ASSIGN_OR_RETURN(GuestFiles::Options options, FileOptions(plan, proc.get(), container.pid()));

  const FastPath::Options fast_options = FastPathOptions(plan, options, proc.get(), container.pid());

  // Kept by the receiver too: it may wait in the kernel for calls that never come, and only the process' end stops it.
  auto state = std::make_shared<State>(*std::move(side_store), std::move(proc), std::move(options), fast_options,
                                       std::move(plan.limit_file), container.listener());
  std::promise<int> prepared;
  std::thread([state, &prepared, first_process = container.pid()] {
    const int error = state->supervisor.Prepare(first_process);
    prepared.set_value(error);
    if (error == 0) state->supervisor.Run();
  }).detach();
  if (const int error = prepared.get_future().get(); error != 0) {
    return ErrnoError("cannot enter the distro in", plan.folder, error);
  }
  RETURN_IF_ERROR(container.Release());
  ready();
  const int status = container.Wait();
  // No guest is left that could make the receiver use it.
  const absl::Status flushed = state->side_store->Flush();
  state->side_store.reset();
  RETURN_IF_ERROR(flushed);
  return status;
}

}  // namespace wslm::lxcore
