#include "runtime-v1/launcher/runtime_v1.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "runtime-v1/launcher/instance_v1.h"
#include "runtime-v1/launcher/spawn.h"

namespace wslm {
namespace {

using runtime::v1::Instance;
using runtime::v1::StartSpec;

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kCheckTimeout = absl::Seconds(10);

class RuntimeV1 : public runtime::v1::Runtime {
 public:
  explicit RuntimeV1(const Home& home) : home_(home) {}

  absl::StatusOr<std::shared_ptr<Instance>> Start(const StartSpec& spec,
                                                  std::function<void(const std::string&)> note) override;
  std::vector<std::shared_ptr<Instance>> Adopt() override;
  void Forget(const std::string& id) override;
  absl::Status Shutdown() override { return absl::OkStatus(); }

 private:
  std::string AllRunFolders() const { return home_.run + "/v1"; }
  std::string RunFolder(const std::string& id) const { return AllRunFolders() + "/" + id; }
  std::string Limits(const std::string& id) const { return RunFolder(id) + "/limits"; }
  std::string Socket(const std::string& id) const { return home_.SocketPath("v1/" + id + "/control.sock"); }

  const Home home_;
};

absl::StatusOr<std::shared_ptr<Instance>> RuntimeV1::Start(const StartSpec& spec,
                                                           std::function<void(const std::string&)>) {
  const std::string& id = spec.config.distro_id();
  const std::string folder = RunFolder(id);
  const std::string socket = Socket(id);
  RETURN_IF_ERROR(MakeFolders(folder));
  RETURN_IF_ERROR(MakeFolders(ParentPath(socket)));
  // Of its last run.
  ::unlink(Limits(id).c_str());
  ASSIGN_OR_RETURN(const pid_t pid, SpawnLxcore({"--folder=" + spec.folder, "--run-folder=" + folder,
                                                 "--socket=" + socket, "--files-socket=" + FilesSocketV1(home_, id),
                                                 "--second-owner=" + std::to_string(spec.second_owner_uid) + ":" +
                                                     std::to_string(spec.second_owner_gid)},
                                                spec.config.SerializeAsString(), folder + "/log", kStartTimeout));
  auto instance = InstanceV1::Connect(id, socket, pid, Limits(id));
  if (!instance.ok()) {
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
    return WithContext(instance.status(), "wslm-init does not answer");
  }
  return *std::move(instance);
}

// The process that holds the lock of a run folder; 0 when none does.
pid_t HolderOf(const std::string& folder) {
  auto lock = OpenFile(folder + "/lock", O_RDWR);
  if (!lock.ok() || ::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) return 0;
  auto text = ReadSmallFile(folder + "/lock");
  pid_t pid = 0;
  return text.ok() && absl::SimpleAtoi(*text, &pid) ? pid : 0;
}

std::vector<std::shared_ptr<Instance>> RuntimeV1::Adopt() {
  std::vector<std::shared_ptr<Instance>> instances;
  std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir(AllRunFolders().c_str()), ::closedir);
  if (!all) return instances;
  std::vector<std::string> ids;
  while (const dirent* entry = ::readdir(all.get())) {
    if (entry->d_name[0] != '.') ids.emplace_back(entry->d_name);
  }
  for (const std::string& id : ids) {
    const std::string folder = RunFolder(id);
    if (const pid_t pid = HolderOf(folder); pid > 0) {
      auto instance = InstanceV1::Connect(id, Socket(id), pid, Limits(id));
      if (instance.ok()) {
        // Another wslm-lxcore may have been installed since: it takes over (runtime-v1/lxcore/guardian.h).
        ::kill(pid, SIGHUP);
        instances.push_back(*std::move(instance));
        continue;
      }
      // Its init is dead or deaf: nobody could use it any more.
      ::kill(pid, SIGTERM);
      continue;
    }
    Forget(id);
  }
  return instances;
}

void RuntimeV1::Forget(const std::string& id) {
  ::unlink(Socket(id).c_str());
  ::unlink(FilesSocketV1(home_, id).c_str());
  RemoveTree(RunFolder(id)).IgnoreError();
}

}  // namespace

std::unique_ptr<runtime::v1::Runtime> MakeRuntimeV1(const Home& home) { return std::make_unique<RuntimeV1>(home); }

std::string FilesSocketV1(const Home& home, const std::string& distro_id) {
  return home.SocketPath("v1/" + distro_id + "/files.sock");
}

absl::Status CheckHostForV1() {
  ASSIGN_OR_RETURN(const pid_t pid, SpawnLxcore({"--check"}, "", "/dev/null", kCheckTimeout));
  ::waitpid(pid, nullptr, 0);
  return absl::OkStatus();
}

}  // namespace wslm
