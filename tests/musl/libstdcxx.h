// Debian's C++ library is built for the GNU C library. Included before all else, this is what its headers, and the
// tests, want of that and musl doesn't have.
#ifndef WSLM_TESTS_MUSL_LIBSTDCXX_H_
#define WSLM_TESTS_MUSL_LIBSTDCXX_H_

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t

#include <bits/c++config.h>
#include <errno.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

// The GNU C library has these in <stdio.h>.
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#define RENAME_WHITEOUT (1 << 2)

enum {
  _ISupper = 0x100,
  _ISlower = 0x200,
  _ISalpha = 0x400,
  _ISdigit = 0x800,
  _ISxdigit = 0x1000,
  _ISspace = 0x2000,
  _ISprint = 0x4000,
  _ISgraph = 0x8000,
  _ISblank = 0x1,
  _IScntrl = 0x2,
  _ISpunct = 0x4,
  _ISalnum = 0x8,
};

// Of those that the tests name.
inline const char* strerrorname_np(int error) {
  switch (error) {
#define WSLM_NAME(name) \
  case name:            \
    return #name;
    WSLM_NAME(EACCES)
    WSLM_NAME(EBADF)
    WSLM_NAME(EEXIST)
    WSLM_NAME(EINVAL)
    WSLM_NAME(ENODATA)
    WSLM_NAME(ENOENT)
    WSLM_NAME(EOPNOTSUPP)
    WSLM_NAME(EPERM)
    WSLM_NAME(ERANGE)
#undef WSLM_NAME
    default:
      return nullptr;
  }
}

#endif  // WSLM_TESTS_MUSL_LIBSTDCXX_H_
