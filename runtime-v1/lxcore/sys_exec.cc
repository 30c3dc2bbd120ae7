// execve(2): the right to execute, set-id files. The kernel then does it.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>
#include <string_view>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {
namespace {

// What the first bytes of a program say. Programs of other classes would meet a filter that knows only this one's
// calls.
struct Program {
  bool elf = false;
  bool native = false;
};

Program LookInto(const Target& target) {
  UniqueFd fd(::open(target.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  char ident[EI_NIDENT] = {};
  if (!fd || ::pread(fd.get(), ident, sizeof(ident), 0) != EI_NIDENT) return {};
  const bool elf = std::string_view(ident, SELFMAG) == ELFMAG;
  return {.elf = elf, .native = elf && ident[EI_CLASS] == ELFCLASS64};
}

Reply Exec(Kernel& k, const Call& call, const Target& target) {
  if (target.error != 0) return Reply::Continue();
  const Credentials& c = k.CredentialsOf(call);
  const GuestFile& file = target.file;
  if (file.type() != S_IFREG) return Reply::Error(EACCES);
  if (!Kernel::Allowed(c, file, X_OK)) return Reply::Error(EACCES);
  const Program program = LookInto(target);
  if (program.elf && !program.native) return Reply::Error(ENOEXEC);
  const Credentials next = AfterExec(c, file.attributes.mode, file.attributes.uid, file.attributes.gid);
  if (next == c) return Reply::Continue();
  // A script is never set-id.
  const bool gains = (file.attributes.mode & (S_ISUID | S_ISGID)) != 0;
  if (gains && !program.native) return Reply::Continue();
  const std::optional<uint32_t> new_index = k.identities.Intern(next);
  if (!new_index) return Reply::Error(EAGAIN);
  const uint32_t old_index = k.identities.IndexOf(call.tid());
  if (int error = k.identities.AssignIndex(call.tid(), *new_index)) return Reply::Error(error);
  // Should the kernel refuse after all, this is undone at the thread's next call.
  k.pending_execs.insert_or_assign(call.tid(),
                                   PendingExec{.old_index = old_index,
                                               .new_index = *new_index,
                                               .device = makedev(file.host.stx_dev_major, file.host.stx_dev_minor),
                                               .inode = file.host.stx_ino});
  return Reply::Continue();
}

}  // namespace

Reply SysExecve(Kernel& k, const Call& call) {
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), AT_FDCWD, call.arg(0), kOnlyLook, target)) {
    return Reply::Error(error);
  }
  return Exec(k, call, target);
}

Reply SysExecveAt(Kernel& k, const Call& call) {
  const int flags = call.int_arg(4);
  const int options =
      kOnlyLook | (flags & AT_SYMLINK_NOFOLLOW ? kNoFollow : 0) | (flags & AT_EMPTY_PATH ? kEmptyPath : 0);
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), call.int_arg(0), call.arg(1), options, target)) {
    return Reply::Error(error);
  }
  return Exec(k, call, target);
}

}  // namespace wslm::lxcore
