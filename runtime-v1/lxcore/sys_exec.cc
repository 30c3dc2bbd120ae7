// execve(2): the right to execute, set-id files. The kernel then does it.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/binfmts.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {
namespace {

constexpr int kMostInterpreters = 5;  // BINPRM_MAX_RECURSION's

// What the first bytes of a program say. Programs of other classes would meet a filter that knows only this one's
// calls.
struct Program {
  bool elf = false;
  bool native = false;
  std::string interpreter;  // of a script
};

Program LookInto(const Target& target) {
  UniqueFd fd(::open(target.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  char start[BINPRM_BUF_SIZE];
  const ssize_t size = fd ? ::pread(fd.get(), start, sizeof(start), 0) : -1;
  std::string_view text(start, size < 0 ? 0 : size);
  if (text.starts_with("#!")) {
    text = text.substr(2, text.find('\n') - 2);
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t")));
    return {.interpreter = std::string(text.substr(0, text.find_first_of(" \t")))};
  }
  const bool elf = text.size() > EI_NIDENT && text.starts_with(ELFMAG);
  return {.elf = elf, .native = elf && text[EI_CLASS] == ELFCLASS64, .interpreter = ""};
}

// The program that the kernel runs for `file`: itself, or what interprets it in the end.
std::optional<GuestFile> RunFor(Kernel& k, const Call& call, GuestFile file, Program program) {
  for (int i = 0; !program.interpreter.empty(); ++i) {
    Target target;
    if (i == kMostInterpreters ||
        k.ResolvePath(call, k.CredentialsOf(call), AT_FDCWD, program.interpreter, kOnlyLook, target) != 0 ||
        target.error != 0 || target.file.type() != S_IFREG) {
      return std::nullopt;
    }
    file = target.file;
    program = LookInto(target);
  }
  return file;
}

// A program that lxcore can't look at: at once what any exec takes, nothing that one may give.
Reply ExecUnseen(Kernel& k, const Call& call, const Credentials& c) {
  Credentials next = AfterExec(c, S_IFREG, 0, 0);
  next.permitted &= c.permitted;
  next.effective &= c.effective;
  const int error = next == c ? 0 : k.identities.Assign(call.tid(), next);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

Reply Exec(Kernel& k, const Call& call, const Target& target) {
  const Credentials& c = k.CredentialsOf(call);
  if (target.error == kElsewhere) return ExecUnseen(k, call, c);
  if (target.error != 0) return Reply::Continue();
  const GuestFile& file = target.file;
  if (file.type() != S_IFREG) return Reply::Error(EACCES);
  if (!Kernel::Allowed(c, file, X_OK)) return Reply::Error(EACCES);
  const Program program = LookInto(target);
  if (program.elf && !program.native) return Reply::Error(ENOEXEC);
  uint32_t mode = file.attributes.mode;
  // A script is never set-id, and the host's programs are not for the distro's ids.
  if (!program.native || file.mount != MountKind::kLxfs) mode &= ~(S_ISUID | S_ISGID);
  const Credentials next = AfterExec(c, mode, file.attributes.uid, file.attributes.gid);
  if (next == c) return Reply::Continue();
  const std::optional<GuestFile> runs = RunFor(k, call, file, program);
  if (!runs) return ExecUnseen(k, call, c);
  const uint64_t device = makedev(runs->host.stx_dev_major, runs->host.stx_dev_minor);
  const int error = k.identities.AssignAtExec(call.tid(), next, device, runs->host.stx_ino);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
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
