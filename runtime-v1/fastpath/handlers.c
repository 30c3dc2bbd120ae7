/* Handlers of hot system calls, which run in the guest's processes.
 *
 * All of this lies in one section of lxcore, from which patcher.cc copies it into C libraries: code that reaches
 * nothing outside the section (no calls, no constants in memory, no vector registers), is entered with any registers
 * and stack, and changes none but rax, rcx and r11, as a system call.
 *
 * A handler never touches memory that the caller named before the kernel has: a wrong address gives EFAULT. It takes no
 * lock that it waits for: signals may leave it at any instruction. */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime-v1/fastpath/protocol.h"

#define FAST static __attribute__((section("wslm_fastpath"), noinline, noclone, used))
#define FAST_INLINE static inline __attribute__((always_inline))

/* The longest path that is walked here. */
enum { kMostPath = 512 };
/* The longest path that is looked up below an open folder for its record. */
enum { kMostRecordPath = 256 };
enum { kPage = 4096 };
/* Of the names of attributes that are known here, with the NUL. */
enum { kLongestAttribute = 25 };
/* How often it counts that folders could be searched, from when the first of them was looked at. */
enum { kMemoUses = 256 };
/* Not even where a path starts from is known. */
#define kNothing UINT32_MAX
/* Above the stack pointer this much is stack, and writable: so near lie variables of the callers. */
enum { kSurelyStack = 16384 };

/* Handlers answer 1 where the ordinary call has to be made. A file that gets the descriptor 1 they tell by this. */
enum { kDescriptorOne = INT32_MIN };

struct Registers {
  uint64_t r9, r8, r10, rdx, rsi, rdi;
};

/* The section begins with the header; then what patched call sites call, one entry a system call. */
__asm__(
    ".pushsection wslm_fastpath, \"ax\", @progbits\n"
    ".balign 64\n"
    ".globl wslm_fastpath_header\n"
    ".hidden wslm_fastpath_header\n"
    "wslm_fastpath_header: .quad 0, 0\n"
    "fast_common:\n"
    "  push %rdi\n  push %rsi\n  push %rdx\n  push %r10\n  push %r8\n  push %r9\n"
    "  mov %rsp, %rdi\n"
    "  mov %eax, %esi\n"
    "  push %rbp\n"
    "  mov %rsp, %rbp\n"
    "  and $-16, %rsp\n"
    "  call fast_serve\n"
    "  mov %rbp, %rsp\n"
    "  pop %rbp\n"
    "  pop %r9\n  pop %r8\n  pop %r10\n  pop %rdx\n  pop %rsi\n  pop %rdi\n"
    "  ret\n"
    ".globl wslm_fastpath_entry\n"
    ".hidden wslm_fastpath_entry\n"
    "wslm_fastpath_entry:\n" /* eax: the call's number */
    "  jmp fast_common\n"
    ".popsection\n");

FAST_INLINE int64_t Call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  int64_t answer;
  __asm__ volatile("syscall"
                   : "=a"(answer)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory", "cc");
  return answer;
}

FAST_INLINE int64_t Native(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  return Call(number, a, b, c, d, e, WSLM_FAST_NATIVE);
}

FAST_INLINE int64_t Ordinary(const struct Registers* r, int64_t number) {
  return Call(number, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

/* What field `field` of the header leads to. */
#define REACHED_BY(field)                                                                                        \
  ({                                                                                                             \
    const char* at;                                                                                              \
    __asm__("lea wslm_fastpath_header+%c1(%%rip), %0" : "=r"(at) : "i"(offsetof(struct WslmFastHeader, field))); \
    (void*)(at + *(const int64_t*)at);                                                                           \
  })

FAST_INLINE struct WslmFastBlock* Block(void) { return REACHED_BY(block); }
FAST_INLINE const volatile struct WslmFastShared* Shared(void) { return REACHED_BY(shared); }

FAST_INLINE uint32_t Level(const struct WslmFastBlock* block) {
  return __atomic_load_n(&block->level, __ATOMIC_ACQUIRE);
}

/* How the kernel's answer about a file has to be read. */
enum Kind {
  kPlain,  /* as it is */
  kSecond, /* as the second owner's, without the sticky bit */
  kOther,  /* by lxcore */
};

FAST_INLINE int IsOwn(const struct WslmFastBlock* block, const struct statx* x) {
  return (x->stx_mask & STATX_MNT_ID) && x->stx_mnt_id == block->mount_id && x->stx_dev_major == block->dev_major &&
         x->stx_dev_minor == block->dev_minor;
}

/* Whether a file or folder may have a record of its own. `folder` and `path`: how statx found it, no link. */
FAST int fast_may_have_record(int folder, const char* path) {
  const uint64_t name[2] = {UINT64_C(0x66786c2e72657375), 0x73}; /* "user.lxfs" */
  if (path[0] == 0 && folder != AT_FDCWD) {
    return Native(SYS_fgetxattr, (uint64_t)folder, (uint64_t)name, 0, 0, 0) != -ENODATA;
  }
  union {
    uint64_t words[kMostRecordPath / sizeof(uint64_t)];
    char text[kMostRecordPath];
  } below = {.words[0] = '.'};
  if (path[0] == 0) path = below.text;
  if (folder != AT_FDCWD && path[0] != '/') {
    /* No call takes a folder and a name: "/proc/self/fd/", the number, the path. */
    below.words[0] = UINT64_C(0x65732f636f72702f);
    below.words[1] = UINT64_C(0x2f64662f666c);
    uint32_t end = 14, first = 1;
    while (first <= (uint32_t)folder / 10) first *= 10;
    for (; first != 0; first /= 10) below.text[end++] = (char)('0' + (uint32_t)folder / first % 10);
    below.text[end++] = '/';
    do {
      if (end == kMostRecordPath) return 1;
      below.text[end++] = *path;
    } while (*path++ != 0);
    path = below.text;
  }
  return Native(SYS_getxattr, (uint64_t)path, (uint64_t)name, 0, 0, 0) != -ENODATA;
}

/* `folder` and `path`: how statx found the file, no link. */
FAST int fast_kind(const struct WslmFastBlock* block, int folder, const char* path, const struct statx* x) {
  const uint32_t needed = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO;
  if ((x->stx_mask & needed) != needed || !IsOwn(block, x)) return kOther;
  /* Somebody else's on the host, or seen from a user namespace further in. */
  if (x->stx_uid != 0 || x->stx_gid != 0) return kOther;
  const uint32_t type = x->stx_mode & S_IFMT;
  if (type == S_IFREG || type == S_IFDIR) {
    if (!(x->stx_mode & S_ISVTX)) return x->stx_mode & (S_ISUID | S_ISGID) ? kOther : kPlain;
    /* Where others have no rights, there may be a record. */
    return (x->stx_mode & 077) || !fast_may_have_record(folder, path) ? kSecond : kOther;
  }
  if (type == S_IFLNK || (type == S_IFIFO && !(x->stx_mode & 07000))) {
    const uint32_t bit = WslmFastBloomBit(x->stx_ino);
    return Shared()->bloom[bit / 64] >> (bit % 64) & 1 ? kOther : kPlain;
  }
  return kOther;
}

/* The permission bits, shifted to the lowest three, that count for a user. */
FAST_INLINE uint32_t BitsFor(const struct WslmFastBlock* block, uint32_t mode, int kind) {
  if (kind == kSecond && (block->second_is & 1)) return mode >> 6 & 7;
  if (kind == kSecond && (block->second_is & 2)) return mode >> 3 & 7;
  return mode & 7;
}

/* Whether a user may search the folder `path`, whose last part is no link; "" is the folder given itself. */
FAST int fast_may_search(const struct WslmFastBlock* block, int folder, const char* path) {
  struct statx x;
  const uint64_t flags = path[0] == 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (Native(SYS_statx, (uint64_t)folder, (uint64_t)path, flags, STATX_BASIC_STATS, (uint64_t)&x) != 0) return 0;
  if ((x.stx_mode & S_IFMT) != S_IFDIR) return 0;
  const int kind = fast_kind(block, folder, path, &x);
  return kind != kOther && (BitsFor(block, x.stx_mode, kind) & 1) != 0;
}

/* Whether all folders on the way to `path` can be searched, from its beginning to the last slash. `text` is a copy;
 * `known`: fast_known's. */
FAST int fast_may_walk(const struct WslmFastBlock* block, int folder, char* text, uint32_t known, uint32_t length) {
  if (known == kNothing) {
    if (text[0] != '/' && !fast_may_search(block, folder, (const char*)&(uint16_t){0})) return 0;
    known = 0;
  }
  for (uint32_t end = known; end < length;) {
    /* Each part with the slashes after it. */
    uint32_t begin = end;
    while (end < length && text[end] != '/') ++end;
    const uint32_t size = end - begin;
    uint32_t next = end;
    while (next < length && text[next] == '/') ++next;
    if (size == 2 && text[begin] == '.' && text[begin + 1] == '.') return 0;
    if (size == 0 ? begin == 0 : !(size == 1 && text[begin] == '.')) {
      const uint32_t cut = size == 0 ? 1 : end;
      const char kept = text[cut];
      text[cut] = 0;
      const int may = fast_may_search(block, folder, text);
      text[cut] = kept;
      if (!may) return 0;
    }
    end = next;
  }
  return 1;
}

/* How much of `path` was found to lead through folders that can be searched, a short while ago: up to a slash, or 0,
 * where it starts from; else kNothing. `uses`: how often that counts after this. */
FAST uint32_t fast_known(struct WslmFastBlock* block, const char* path, uint64_t generation, uint32_t* uses) {
  uint32_t known = kNothing;
  if (__atomic_exchange_n(&block->memo_lock, 1, __ATOMIC_ACQUIRE) != 0) return kNothing;
  const uint32_t length = block->memo_length;
  const int same_start = (length != 0 && block->memo[0] == '/') == (path[0] == '/');
  if (block->memo_uses != 0 && block->memo_generation == generation && same_start) {
    known = 0;
    for (uint32_t i = 0; i < length && path[i] == block->memo[i]; ++i) {
      if (path[i] == '/') known = i + 1;
    }
    *uses = --block->memo_uses;
  }
  __atomic_store_n(&block->memo_lock, 0, __ATOMIC_RELEASE);
  return known;
}

FAST_INLINE void Remember(struct WslmFastBlock* block, const char* text, uint32_t length, uint64_t generation,
                          uint32_t uses) {
  if (length > sizeof(block->memo) || __atomic_exchange_n(&block->memo_lock, 1, __ATOMIC_ACQUIRE) != 0) return;
  block->memo_generation = generation;
  block->memo_length = length;
  for (uint32_t i = 0; i < length; ++i) block->memo[i] = text[i];
  block->memo_uses = uses;
  __atomic_store_n(&block->memo_lock, 0, __ATOMIC_RELEASE);
}

/* Whether a user may reach the last part of `path`, which the kernel has just read. `remember`: for the next path. */
FAST int fast_may_reach(struct WslmFastBlock* block, int folder, const char* path, int remember) {
  const uint64_t generation = Shared()->generation;
  const int may_be_known = folder == AT_FDCWD || path[0] == '/';
  uint32_t uses = kMemoUses;
  uint32_t known = may_be_known ? fast_known(block, path, generation, &uses) : kNothing;
  if (known != kNothing) {
    uint32_t end = known;
    while (path[end] != 0 && path[end] != '/') ++end;
    if (path[end] == 0 && end != known) return 1;
  }
  char text[kMostPath];
  uint32_t length = 0, all = 0;
  for (; path[all] != 0; ++all) {
    if (all >= kMostPath - 2) return 0;
    text[all] = path[all];
    if (path[all] == '/') length = all + 1;
  }
  if (length == all && all > 1) {
    /* A slash at the end follows links: it must be a folder without. */
    struct statx x;
    while (length > 1 && text[length - 1] == '/') --length;
    text[length] = 0;
    const uint64_t last = (uint64_t)text;
    if (Native(SYS_statx, (uint64_t)folder, last, AT_SYMLINK_NOFOLLOW, STATX_TYPE, (uint64_t)&x) != 0) return 0;
    if ((x.stx_mode & S_IFMT) != S_IFDIR) return 0;
    while (length > 0 && text[length - 1] != '/') --length;
  }
  text[length] = 0;
  if (!fast_may_walk(block, folder, text, known, length)) return 0;
  if (remember && may_be_known) Remember(block, text, length, generation, uses);
  return 1;
}

/* Whether lxcore would say the same: what isn't there isn't there, but lxcore may show files of its own below /proc,
 * and explains devices that are missing. */
FAST_INLINE int IsFinal(int64_t error, const char* path) {
  if (error != -ENOENT && error != -ENOTDIR) return 0;
  return path[0] != '/' || ((path[1] != 'p' || path[2] != 'r') && (path[1] != 'd' || path[2] != 'e'));
}

/* Looks for a user at what a link of the distro's, `path`, leads to: where that is an absolute path of what is no link.
 * 0, or 1: lxcore is to be asked. A program looks through the same link again and again (/etc/localtime) between files
 * of one folder, which stays remembered. */
FAST int64_t fast_follow(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, uint32_t mask,
                         struct statx* x, int* kind) {
  char target[kMostPath];
  const int64_t length = Native(SYS_readlinkat, (uint64_t)folder, (uint64_t)path, (uint64_t)target, sizeof(target), 0);
  if (length <= 0 || length >= (int64_t)sizeof(target) || target[0] != '/') return 1;
  target[length] = 0;
  if (!fast_may_reach(block, folder, path, 0)) return 1;
  const uint64_t seen = flags | AT_SYMLINK_NOFOLLOW;
  if (Native(SYS_statx, (uint64_t)AT_FDCWD, (uint64_t)target, seen, mask, (uint64_t)x) != 0) return 1;
  *kind = fast_kind(block, AT_FDCWD, target, x);
  if (*kind == kOther || (x->stx_mode & S_IFMT) == S_IFLNK) return 1;
  return fast_may_reach(block, AT_FDCWD, target, 0) ? 0 : 1;
}

/* Looks at a file for the caller. 0, an errno (negative) that root gets, or 1: lxcore is to be asked. `kind` is filled
 * where 0. A user's links to links, and files that can't be reached, are lxcore's. */
FAST int64_t fast_look(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, uint32_t mask,
                       struct statx* x, int* kind) {
  const int root = Level(block) == kWslmFastRoot;
  const uint32_t seen = root ? flags : flags | AT_SYMLINK_NOFOLLOW;
  const int64_t answer = Native(SYS_statx, (uint64_t)folder, (uint64_t)path, seen, mask, (uint64_t)x);
  if (answer != 0) {
    if (!IsFinal(answer, path)) return 1;
    return root || (path[0] != 0 && fast_may_reach(block, folder, path, 1)) ? answer : 1;
  }
  *kind = fast_kind(block, folder, path, x);
  if (root) return 0;
  if (*kind == kOther) return 1;
  if (path[0] == 0) return 0; /* by descriptor */
  if (!(flags & AT_SYMLINK_NOFOLLOW) && (x->stx_mode & S_IFMT) == S_IFLNK) {
    return fast_follow(block, folder, path, flags, mask, x, kind);
  }
  return fast_may_reach(block, folder, path, 1) ? 0 : 1;
}

FAST_INLINE int OnStack(const void* buffer, uint64_t size) {
  const uint64_t here = (uint64_t)__builtin_frame_address(0);
  return (uint64_t)buffer >= here && (uint64_t)buffer - here <= kSurelyStack - size;
}

FAST_INLINE uint64_t Device(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
         (uint64_t)(major & ~0xfffu) << 32;
}

FAST_INLINE void FillStat(struct stat* s, const struct statx* x) {
  s->st_dev = Device(x->stx_dev_major, x->stx_dev_minor);
  s->st_ino = x->stx_ino;
  s->st_nlink = x->stx_nlink;
  s->st_mode = x->stx_mode;
  s->st_uid = x->stx_uid;
  s->st_gid = x->stx_gid;
  s->__pad0 = 0;
  s->st_rdev = Device(x->stx_rdev_major, x->stx_rdev_minor);
  s->st_size = (int64_t)x->stx_size;
  s->st_blksize = x->stx_blksize;
  s->st_blocks = (int64_t)x->stx_blocks;
  s->st_atim.tv_sec = x->stx_atime.tv_sec;
  s->st_atim.tv_nsec = x->stx_atime.tv_nsec;
  s->st_mtim.tv_sec = x->stx_mtime.tv_sec;
  s->st_mtim.tv_nsec = x->stx_mtime.tv_nsec;
  s->st_ctim.tv_sec = x->stx_ctime.tv_sec;
  s->st_ctim.tv_nsec = x->stx_ctime.tv_nsec;
  s->__glibc_reserved[0] = s->__glibc_reserved[1] = s->__glibc_reserved[2] = 0;
}

/* stat(2). The answer, or 1: lxcore is to be asked. */
FAST int64_t fast_stat(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, struct stat* s) {
  struct statx x;
  int kind;
  if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) return 1;
  int64_t answer = fast_look(block, folder, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x, &kind);
  if (answer != 0) return answer;
  if (kind == kOther) return 1;
  if (OnStack(s, sizeof(*s))) {
    FillStat(s, &x);
  } else {
    /* The kernel finds out whether there is room. */
    answer = Native(SYS_newfstatat, (uint64_t)folder, (uint64_t)path, (uint64_t)s, flags, 0);
    if (answer != 0 || s->st_ino != x.stx_ino || s->st_mode != x.stx_mode) return 1;
  }
  if (kind == kSecond) {
    s->st_mode &= ~(uint32_t)S_ISVTX;
    s->st_uid = block->second_uid;
    s->st_gid = block->second_gid;
  }
  return 0;
}

FAST int64_t fast_statx(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, uint32_t mask,
                        struct statx* buffer) {
  struct statx x;
  int kind;
  const uint32_t known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;
  if ((flags & ~known) || (mask & ~(uint32_t)(STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID))) return 1;
  /* What has to be known; the kernel tells it of the distro's files anyway. */
  mask |= STATX_BASIC_STATS;
  int64_t answer = fast_look(block, folder, path, flags, mask, &x, &kind);
  if (answer != 0) return answer;
  if (kind == kOther) return 1;
  if (OnStack(buffer, sizeof(*buffer))) {
    const uint64_t* from = (const uint64_t*)&x;
    volatile uint64_t* to = (volatile uint64_t*)buffer; /* volatile: or it becomes a call of memcpy */
    for (uint32_t i = 0; i < sizeof(x) / sizeof(*from); ++i) to[i] = from[i];
  } else {
    answer = Native(SYS_statx, (uint64_t)folder, (uint64_t)path, flags, mask, (uint64_t)buffer);
    if (answer != 0 || buffer->stx_ino != x.stx_ino || buffer->stx_mode != x.stx_mode) return 1;
  }
  if (kind == kSecond) {
    buffer->stx_mode &= (uint16_t)~S_ISVTX;
    buffer->stx_uid = block->second_uid;
    buffer->stx_gid = block->second_gid;
  }
  return 0;
}

/* What a user of the file's may not do, as permission bits. */
FAST_INLINE uint32_t Forbidden(const struct WslmFastBlock* block, const struct statx* x, int kind, uint32_t wanted) {
  return Level(block) == kWslmFastRoot ? 0 : wanted & ~BitsFor(block, x->stx_mode, kind);
}

/* Whether the caller may make and remove names in the folder that holds `path`, and new files are there like anywhere
 * else. The kernel has read `path`. */
FAST int fast_may_make_in(struct WslmFastBlock* block, int folder, const char* path) {
  char text[kMostPath];
  struct statx x;
  uint32_t length = 0, all = 0;
  for (; path[all] != 0; ++all) {
    if (all >= kMostPath - 2) return 0;
    text[all] = path[all];
    if (path[all] == '/') length = all + 1;
  }
  if (length == all) return 0;
  text[length] = 0;
  const uint32_t flags = length == 0 ? AT_EMPTY_PATH : 0;
  if (Native(SYS_statx, (uint64_t)folder, (uint64_t)text, flags, STATX_BASIC_STATS, (uint64_t)&x) != 0) return 0;
  const int kind = fast_kind(block, folder, text, &x);
  if (kind == kOther || (x.stx_mode & S_IFMT) != S_IFDIR || Forbidden(block, &x, kind, 3)) return 0;
  return Level(block) == kWslmFastRoot || length == 0 || fast_may_reach(block, folder, path, 1);
}

/* openat(2) that makes a file: root's is plain; the second owner's has the sticky bit from the start. It follows no
 * link at the end, as only lxcore knows where that leads. */
FAST int64_t fast_create(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, uint64_t mode) {
  if ((mode & 07400) != 0400) return 1;
  if (Level(block) != kWslmFastRoot) {
    if (!(block->second_is & 4)) return 1;
    mode |= S_ISVTX;
  }
  if (!fast_may_make_in(block, folder, path)) return 1;
  const int64_t made = Native(SYS_openat, (uint64_t)folder, (uint64_t)path, flags | O_EXCL, mode, 0);
  return made == 1 ? kDescriptorOne : made >= 0 ? made : 1;
}

/* openat(2): files and folders of the distro's own. */
FAST int64_t fast_open(struct WslmFastBlock* block, int folder, const char* path, uint32_t flags, uint64_t mode) {
  struct statx x;
  int kind = kOther;
  const int root = Level(block) == kWslmFastRoot;
  if (flags & O_PATH) flags &= O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC; /* the others mean nothing then */
  if (flags & (O_TMPFILE & ~O_DIRECTORY)) return 1;
  if (!root && (flags & O_NOATIME)) return 1;
  uint32_t at_flags = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
  if (flags & O_CREAT) {
    if (flags & O_DIRECTORY) return 1;
    const int64_t there =
        Native(SYS_statx, (uint64_t)folder, (uint64_t)path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, (uint64_t)&x);
    if (there == -ENOENT) return fast_create(block, folder, path, flags, mode);
    if (there != 0 || (flags & O_EXCL)) return 1;
  }
  const int64_t answer = fast_look(block, folder, path, at_flags, STATX_BASIC_STATS, &x, &kind);
  if (answer != 0) return answer == -ENOENT && !(flags & O_CREAT) ? answer : 1;
  const uint32_t type = x.stx_mode & S_IFMT;
  if (flags & O_PATH) return IsOwn(block, &x) ? Native(SYS_openat, (uint64_t)folder, (uint64_t)path, flags, 0, 0) : 1;
  const uint32_t access = flags & O_ACCMODE;
  const int writes = access != O_RDONLY || (flags & O_TRUNC);
  if (!IsOwn(block, &x) || (type != S_IFREG && (type != S_IFDIR || (flags & O_CREAT)))) return 1;
  /* What has a record may lose rights by being written to. */
  if (writes && kind == kOther) return 1;
  if (Forbidden(block, &x, kind, (access != O_WRONLY ? 4u : 0) | (writes ? 2u : 0))) return 1;
  const int64_t opened = Native(SYS_openat, (uint64_t)folder, (uint64_t)path, flags & ~(uint32_t)O_CREAT, mode, 0);
  return opened == 1 ? kDescriptorOne : opened >= 0 ? opened : 1;
}

FAST int64_t fast_access(struct WslmFastBlock* block, int folder, const char* path, uint32_t wanted, uint32_t flags) {
  struct statx x;
  int kind;
  if ((wanted & ~7u) || (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))) return 1;
  const uint32_t at_flags = flags & ~(uint32_t)AT_EACCESS;
  const int64_t answer = fast_look(block, folder, path, at_flags, STATX_BASIC_STATS, &x, &kind);
  if (answer != 0) return answer;
  if (kind == kOther) return 1;
  if (Forbidden(block, &x, kind, wanted)) return 1;
  const int64_t allowed = Native(SYS_faccessat2, (uint64_t)folder, (uint64_t)path, wanted, flags, 0);
  return allowed == 0 ? 0 : 1;
}

FAST int64_t fast_readlink(struct WslmFastBlock* block, int folder, const char* path, char* buffer, uint64_t size) {
  struct statx x;
  int kind;
  /* An empty path is no error: it means the descriptor. */
  const uint32_t flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  const int64_t answer = fast_look(block, folder, path, flags, STATX_BASIC_STATS, &x, &kind);
  if (answer != 0) return answer;
  if (!IsOwn(block, &x) || path[0] == 0) return 1;
  return Native(SYS_readlinkat, (uint64_t)folder, (uint64_t)path, (uint64_t)buffer, size, 0);
}

/* What programs ask of every file. */
enum Attribute { kOtherAttribute, kSecurityLabel, kCapability, kAccessList };

/* The name in memory that may not be there. The kernel finds out, as it reads a set of signals before it sees that
 * there is nothing to do with it. */
FAST enum Attribute fast_attribute(const char* name) {
  const uint64_t nothing = 0x7f;
  /* In one page with its first 8 bytes, also when it ends sooner. */
  if (((uint64_t)name & (kPage - 1)) > kPage - kLongestAttribute) return kOtherAttribute;
  if (Native(SYS_rt_sigprocmask, nothing, (uint64_t)name, 0, sizeof(uint64_t), 0) != -EINVAL) return kOtherAttribute;
  const struct { uint64_t at; } __attribute__((packed, may_alias))* words = (const void*)name;
  const uint64_t first = words[0].at, second = words[1].at, third = words[2].at;
  if (first == UINT64_C(0x7974697275636573)) {                                                /* "security" */
    if (second == UINT64_C(0x78756e696c65732e) && (third & 0xff) == 0) return kSecurityLabel; /* ".selinux" "" */
    if (second == UINT64_C(0x6c6962617061632e) && (uint32_t)third == UINT32_C(0x00797469))
      return kCapability; /* ".capabil" "ity" */
    return kOtherAttribute;
  }
  /* "system.p" "osix_acl" "_access", or "_default" "" */
  if (first != UINT64_C(0x702e6d6574737973) || second != UINT64_C(0x6c63615f7869736f)) return kOtherAttribute;
  if (third == UINT64_C(0x007373656363615f)) return kAccessList;
  return third == UINT64_C(0x746c75616665645f) && name[24] == 0 ? kAccessList : kOtherAttribute;
}

/* getxattr(2) and lgetxattr(2) of what says who may do what: files without a record have nothing of that kind. */
FAST int64_t fast_getxattr(struct WslmFastBlock* block, int64_t number, const char* path, const char* name) {
  struct statx x;
  int kind;
  if (!Shared()->plain_attributes) return 1;
  const enum Attribute attribute = fast_attribute(name);
  if (attribute == kOtherAttribute) return 1;
  const uint32_t flags = number == SYS_lgetxattr ? AT_SYMLINK_NOFOLLOW : 0;
  if (fast_look(block, AT_FDCWD, path, flags, STATX_BASIC_STATS, &x, &kind) != 0 || kind == kOther) return 1;
  const uint32_t type = x.stx_mode & S_IFMT;
  if (type == S_IFREG || type == S_IFDIR || (type == S_IFLNK && attribute == kSecurityLabel)) return -ENODATA;
  return 1;
}

/* chown(2) and its like by root: of a plain file to what it is already, which is the kernel's to do. */
FAST int64_t fast_chown(struct WslmFastBlock* block, const struct Registers* r, int64_t number, int folder,
                        const char* path, uint32_t flags, uint64_t uid, uint64_t gid) {
  struct statx x;
  int kind;
  if (((uint32_t)uid != 0 && (uint32_t)uid != UINT32_MAX) || ((uint32_t)gid != 0 && (uint32_t)gid != UINT32_MAX))
    return 1;
  if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return 1;
  if (fast_look(block, folder, path, flags, STATX_BASIC_STATS, &x, &kind) != 0 || kind != kPlain) return 1;
  return Native(number, r->rdi, r->rsi, r->rdx, r->r10, r->r8) == 0 ? 0 : 1;
}

/* chmod(2) and its like by root: of a plain file to a mode that needs no record. Not of folders: lxcore must know. */
FAST int64_t fast_chmod(struct WslmFastBlock* block, int64_t number, int folder, const char* path, uint32_t flags,
                        uint64_t mode) {
  struct statx x;
  int kind;
  if ((mode & 07400) != 0400) return 1;
  if (fast_look(block, folder, path, flags, STATX_BASIC_STATS, &x, &kind) != 0 || kind != kPlain) return 1;
  if ((x.stx_mode & S_IFMT) != S_IFREG) return 1;
  const int64_t answer = number == SYS_fchmod ? Native(number, (uint64_t)folder, mode, 0, 0, 0)
                                              : Native(SYS_fchmodat, (uint64_t)folder, (uint64_t)path, mode, 0, 0);
  return answer == 0 ? 0 : 1;
}

/* What only root does by itself. */
FAST int64_t fast_root(struct WslmFastBlock* block, const struct Registers* r, int64_t number) {
  const uint16_t none = 0;
  const char* own = (const char*)&none;
  switch (number) {
    case SYS_fchown:
      return fast_chown(block, r, number, (int)r->rdi, own, AT_EMPTY_PATH, r->rsi, r->rdx);
    case SYS_chown:
      return fast_chown(block, r, number, AT_FDCWD, (const char*)r->rdi, 0, r->rsi, r->rdx);
    case SYS_lchown:
      return fast_chown(block, r, number, AT_FDCWD, (const char*)r->rdi, AT_SYMLINK_NOFOLLOW, r->rsi, r->rdx);
    case SYS_fchownat:
      return fast_chown(block, r, number, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->r8, r->rdx, r->r10);
    case SYS_fchmod:
      return fast_chmod(block, number, (int)r->rdi, own, AT_EMPTY_PATH, r->rsi);
    case SYS_chmod:
      return fast_chmod(block, number, AT_FDCWD, (const char*)r->rdi, 0, r->rsi);
    case SYS_fchmodat:
      return fast_chmod(block, number, (int)r->rdi, (const char*)r->rsi, 0, r->rdx);
    /* Root may do these to any file. */
    case SYS_utimensat:
    case SYS_unlinkat:
    case SYS_unlink:
      return Native(number, r->rdi, r->rsi, r->rdx, r->r10, 0);
    default:
      return 1;
  }
}

/* unlink(2) and unlinkat(2) by a user, in a folder where no rule but its rights counts. */
FAST int64_t fast_remove(struct WslmFastBlock* block, const struct Registers* r, int64_t number, int folder,
                         const char* path) {
  struct statx x;
  const uint64_t flags = AT_SYMLINK_NOFOLLOW;
  if (Native(SYS_statx, (uint64_t)folder, (uint64_t)path, flags, STATX_TYPE, (uint64_t)&x) != 0) return 1;
  if (!fast_may_make_in(block, folder, path)) return 1;
  return Native(number, r->rdi, r->rsi, r->rdx, 0, 0) == 0 ? 0 : 1;
}

/* utimensat(2) by the owner. */
FAST int64_t fast_touch(struct WslmFastBlock* block, const struct Registers* r) {
  struct statx x;
  int kind;
  const uint16_t none = 0;
  const uint32_t flags = (uint32_t)r->r10;
  if (!(block->second_is & 1) || (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))) return 1;
  const char* path = r->rsi == 0 ? (const char*)&none : (const char*)r->rsi;
  const uint32_t look = r->rsi == 0 ? AT_EMPTY_PATH : flags;
  if (fast_look(block, (int)r->rdi, path, look, STATX_BASIC_STATS, &x, &kind) != 0 || kind != kSecond) return 1;
  return Native(SYS_utimensat, r->rdi, r->rsi, r->rdx, r->r10, 0) == 0 ? 0 : 1;
}

/* What only a user does by itself. */
FAST int64_t fast_user(struct WslmFastBlock* block, const struct Registers* r, int64_t number) {
  switch (number) {
    case SYS_unlink:
      return fast_remove(block, r, number, AT_FDCWD, (const char*)r->rdi);
    case SYS_unlinkat:
      return fast_remove(block, r, number, (int)r->rdi, (const char*)r->rsi);
    case SYS_utimensat:
      return fast_touch(block, r);
    default:
      return 1;
  }
}

FAST int64_t fast_file(struct WslmFastBlock* block, const struct Registers* r, int64_t number) {
  switch (number) {
    case SYS_stat:
      return fast_stat(block, AT_FDCWD, (const char*)r->rdi, 0, (struct stat*)r->rsi);
    case SYS_lstat:
      return fast_stat(block, AT_FDCWD, (const char*)r->rdi, AT_SYMLINK_NOFOLLOW, (struct stat*)r->rsi);
    case SYS_fstat: {
      const uint16_t none = 0;
      if ((int)r->rdi < 0) return 1;
      return fast_stat(block, (int)r->rdi, (const char*)&none, AT_EMPTY_PATH, (struct stat*)r->rsi);
    }
    case SYS_newfstatat:
      return fast_stat(block, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->r10, (struct stat*)r->rdx);
    case SYS_statx:
      return fast_statx(block, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->rdx, (uint32_t)r->r10,
                        (struct statx*)r->r8);
    case SYS_open:
      return fast_open(block, AT_FDCWD, (const char*)r->rdi, (uint32_t)r->rsi, r->rdx);
    case SYS_openat:
      return fast_open(block, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->rdx, r->r10);
    case SYS_access:
      return fast_access(block, AT_FDCWD, (const char*)r->rdi, (uint32_t)r->rsi, 0);
    case SYS_faccessat:
      return fast_access(block, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->rdx, 0);
    case SYS_faccessat2:
      return fast_access(block, (int)r->rdi, (const char*)r->rsi, (uint32_t)r->rdx, (uint32_t)r->r10);
    case SYS_readlink:
      return fast_readlink(block, AT_FDCWD, (const char*)r->rdi, (char*)r->rsi, r->rdx);
    case SYS_readlinkat:
      return fast_readlink(block, (int)r->rdi, (const char*)r->rsi, (char*)r->rdx, r->r10);
    case SYS_getxattr:
    case SYS_lgetxattr:
      return fast_getxattr(block, number, (const char*)r->rdi, (const char*)r->rsi);
    default:
      return Level(block) == kWslmFastRoot ? fast_root(block, r, number) : fast_user(block, r, number);
  }
}

/* What every patched call comes to. */
FAST int64_t fast_serve(const struct Registers* r, uint32_t number) {
  struct WslmFastBlock* block = Block();
  uint32_t level = Level(block);
  if (level == kWslmFastUnknown) {
    Call(SYS_getuid, (uint64_t)block, Shared()->maker, 0, 0, 0, WSLM_FAST_ASK);
    level = Level(block);
  }
  if (level <= kWslmFastNever) return Ordinary(r, number);
  if (number == SYS_getuid) return block->ruid;
  if (number == SYS_geteuid) return block->euid;
  if (number == SYS_getgid) return block->rgid;
  if (number == SYS_getegid) return block->egid;
  if (level < kWslmFastUser) return Ordinary(r, number);
  const int64_t answer = fast_file(block, r, number);
  if (answer == kDescriptorOne) return 1;
  return answer == 1 ? Ordinary(r, number) : answer;
}
