// execve(2): the right to execute, set-id files. The kernel then does it.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/binfmts.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr int kExecCheck = 0x10000;   // AT_EXECVE_CHECK, of Linux 6.14
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

// Finds what the kernel runs for a program: itself, or what interprets it in the end. 0 or an errno; kElsewhere when
// lxcore can't tell.
int FindRun(Kernel& k, const Call& call, Target& target, Program& program) {
  const Credentials& c = k.CredentialsOf(call);
  for (int i = 0; !program.interpreter.empty(); ++i) {
    Target next;
    if (i == kMostInterpreters) return kElsewhere;
    if (int error = k.ResolvePath(call, c, AT_FDCWD, program.interpreter, kOnlyLook, next)) return error;
    if (next.error != 0) return next.error == kElsewhere ? kElsewhere : 0;
    if (next.file.type() != S_IFREG || !Kernel::Allowed(c, next.file, X_OK)) return EACCES;
    target = std::move(next);
    program = LookInto(target);
  }
  return 0;
}

std::optional<FileCapabilities> CapabilitiesOf(Kernel& k, const Target& target) {
  if (!target.file.has_record) return std::nullopt;
  constexpr char kName[] = "security.capability";
  char value[XATTR_CAPS_SZ_3 + 1];
  const ssize_t size =
      ::getxattr(target.name.c_str(), (kLxfsXattrPrefix + std::string(kName)).c_str(), value, sizeof(value));
  if (size >= 0) return ParseFileCapabilities({value, static_cast<size_t>(size)});
  const GuestXattrs beside = k.files.SideXattrs(target.name, target.flags, target.file);
  const auto found = beside.find(kName);
  return found == beside.end() ? std::nullopt : ParseFileCapabilities(found->second);
}

// Mounted so that set-id bits and capabilities mean nothing there, as the whole distro may be on the host.
bool IsNoSuid(const Target& target) {
  struct statvfs there, root;
  return ::statvfs(target.name.c_str(), &there) == 0 && ::statvfs("/", &root) == 0 && (there.f_flag & ST_NOSUID) &&
         !(root.f_flag & ST_NOSUID);
}

// Somebody traces the thread who may not trace what it is about to be.
bool IsTracedByOther(Kernel& k, const Call& call) {
  const std::string status = ReadProcFile(k.proc, std::to_string(call.tid()) + "/status");
  const std::string_view field = StatusField(status, "TracerPid");
  pid_t tracer = 0;
  std::from_chars(field.data(), field.data() + field.size(), tracer);
  return tracer != 0 && !k.identities.Of(tracer).Has(CAP_SYS_PTRACE);
}

ExecFile FileToRun(Kernel& k, const Call& call, const Target& target, const Program& program) {
  const GuestAttributes& attributes = target.file.attributes;
  ExecFile file{.mode = attributes.mode, .uid = attributes.uid, .gid = attributes.gid};
  // The host's programs are not for the distro's ids.
  const bool counts = program.native && target.file.mount == MountKind::kLxfs;
  if (counts) file.capabilities = CapabilitiesOf(k, target);
  const bool gains = (file.mode & (S_ISUID | S_ISGID)) || file.capabilities;
  if (!gains) return file;
  const bool known = !k.CredentialsOf(call).nested || (k.MapOf(call, UserNamespaces::Ids::kUsers).Knows(file.uid) &&
                                                       k.MapOf(call, UserNamespaces::Ids::kGroups).Knows(file.gid));
  if (!counts || !known) file.mode &= ~(S_ISUID | S_ISGID);
  if (IsNoSuid(target)) {
    file.mode &= ~(S_ISUID | S_ISGID);
    file.capabilities.reset();
  }
  file.traced = IsTracedByOther(k, call);
  return file;
}

// A program that lxcore can't look at: at once what any exec takes, nothing that one may give.
Reply ExecUnseen(Kernel& k, const Call& call, const Credentials& c) {
  Credentials next = AfterExec(c, {.mode = S_IFREG}).credentials;
  next.permitted &= c.permitted;
  next.effective &= c.effective;
  const int error = next == c ? 0 : k.identities.Assign(call.tid(), next);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

// `only_check`: nothing is run.
Reply Exec(Kernel& k, const Call& call, Target target, uint64_t environment, bool only_check = false) {
  const Credentials& c = k.CredentialsOf(call);
  if (target.error == kElsewhere) return only_check ? Reply::Continue() : ExecUnseen(k, call, c);
  if (target.error != 0) return Reply::Continue();
  if (target.file.type() == S_IFLNK) return Reply::Error(ELOOP);
  if (target.file.type() != S_IFREG) return Reply::Error(EACCES);
  if (!Kernel::Allowed(c, target.file, X_OK)) return Reply::Error(EACCES);
  if (only_check) return Reply::Continue();
  // It looks for modules among files, and where there are none never asks the kernel.
  if (target.name.ends_with("/modprobe") && c.Has(CAP_SYS_MODULE)) {
    k.limits.Reached(call, Limit::kModules, "modprobe");
  }
  Program program = LookInto(target);
  const int error = FindRun(k, call, target, program);
  if (error == kElsewhere) return ExecUnseen(k, call, c);
  if (error != 0) return Reply::Error(error);
  if (program.elf && !program.native) {
    k.limits.Reached(call, Limit::k32Bit, SplitLast(target.name).base);
    return Reply::Error(ENOEXEC);
  }
  const ExecResult after = AfterExec(c, FileToRun(k, call, target, program));
  if (after.error != 0) return Reply::Error(after.error);
  if (after.credentials == c) return Reply::Continue();
  if (after.secure) k.environments.Hide(call.tid(), environment);
  const struct statx& runs = target.file.host;
  const uint64_t device = makedev(runs.stx_dev_major, runs.stx_dev_minor);
  const int assigned = k.identities.AssignAtExec(call.tid(), after.credentials, device, runs.stx_ino);
  return assigned != 0 ? Reply::Error(assigned) : Reply::Continue();
}

}  // namespace

Reply SysExecve(Kernel& k, const Call& call) {
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), AT_FDCWD, call.arg(0), kOnlyLook, target)) {
    return Reply::Error(error);
  }
  return Exec(k, call, std::move(target), call.arg(2));
}

Reply SysExecveAt(Kernel& k, const Call& call) {
  const int flags = call.int_arg(4);
  if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | kExecCheck)) return Reply::Error(EINVAL);
  const int options =
      kOnlyLook | (flags & AT_SYMLINK_NOFOLLOW ? kNoFollow : 0) | (flags & AT_EMPTY_PATH ? kEmptyPath : 0);
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), call.int_arg(0), call.arg(1), options, target)) {
    return Reply::Error(error);
  }
  return Exec(k, call, std::move(target), call.arg(3), (flags & kExecCheck) != 0);
}

}  // namespace wslm::lxcore
