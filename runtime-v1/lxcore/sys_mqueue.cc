// mq_overview(7): POSIX message queues of the distro's users. They are files of a file system of their own, whose
// owners guest_files.h keeps.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Without the slash that the C library takes off.
UniqueFd OpenQueue(const std::string& name, int flags, mode_t mode = 0, const mq_attr* attributes = nullptr) {
  return UniqueFd(static_cast<int>(::syscall(SYS_mq_open, name.c_str(), flags, mode, attributes)));
}

int WantedBy(int flags) {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return R_OK;
    case O_WRONLY:
      return W_OK;
    default:
      return R_OK | W_OK;
  }
}

Reply OpenExisting(const Credentials& c, const std::string& name, int flags, const GuestFile& file) {
  if ((flags & O_CREAT) && (flags & O_EXCL)) return Reply::Error(EEXIST);
  if (!Kernel::Allowed(c, file, WantedBy(flags))) return Reply::Error(EACCES);
  UniqueFd queue = OpenQueue(name, flags & ~(O_CREAT | O_EXCL));
  return queue ? Reply::Descriptor(std::move(queue), true) : Reply::Error(errno);
}

Reply MakeQueue(Kernel& k, const Call& call, const Credentials& c, const std::string& name, int flags) {
  mq_attr attributes;
  const uint64_t address = call.arg(3);
  if (address != 0) {
    if (int error = ReadGuest(call.tid(), address, &attributes, sizeof(attributes))) return Reply::Error(error);
  }
  const uint32_t mode = call.id_arg(2) & 0777 & ~UmaskOf(k.proc, call.tid());
  // Made by an earlier lxcore, which didn't come to say whose it is.
  const bool made_before = call.journal().Resumed();
  call.journal().Begin();
  UniqueFd queue = made_before ? OpenQueue(name, flags & ~(O_CREAT | O_EXCL)) : UniqueFd();
  if (!queue) queue = OpenQueue(name, flags | O_EXCL, mode, address != 0 ? &attributes : nullptr);
  if (!queue) return Reply::Error(errno);
  const GuestAttributes made{.mode = S_IFREG | mode, .uid = c.fsuid, .gid = c.fsgid};
  if (int error = k.files.SetNew(GuestFiles::OwnFdName(queue.get()), 0, made)) {
    ::syscall(SYS_mq_unlink, name.c_str());
    return Reply::Error(error);
  }
  return Reply::Descriptor(std::move(queue), true);
}

// Enters the caller's namespace and looks at the queue that it names. 0, or an errno: ENOENT when there is none.
int Find(Kernel& k, const Call& call, std::string& name, GuestFile& file) {
  if (int error = ReadGuestString(call.tid(), call.arg(0), NAME_MAX + 1, name)) return error;
  if (int error = k.ipc.Enter(call.tid())) return error;
  const UniqueFd queue = OpenQueue(name, O_RDONLY);
  return queue ? k.files.GetFd(queue.get(), file) : errno;
}

}  // namespace

Reply SysMqOpen(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  std::string name;
  GuestFile file;
  const int flags = call.int_arg(1);
  const int error = Find(k, call, name, file);
  if (error == 0 && !call.journal().MayHaveMade(file.host, S_IFREG)) return OpenExisting(c, name, flags, file);
  if ((error != 0 && error != ENOENT) || !(flags & O_CREAT)) return Reply::Error(error);
  return MakeQueue(k, call, c, name, flags);
}

Reply SysMqUnlink(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  std::string name;
  GuestFile file;
  if (int error = Find(k, call, name, file)) return Reply::Error(error);
  // Their folder is everybody's, and sticky.
  return c.fsuid == file.attributes.uid || c.Has(CAP_FOWNER) ? Reply::Continue() : Reply::Error(EPERM);
}

}  // namespace wslm::lxcore
