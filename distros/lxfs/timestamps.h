// Between an entry's times and the kernel's.
#ifndef WSLM_DISTROS_LXFS_TIMESTAMPS_H_
#define WSLM_DISTROS_LXFS_TIMESTAMPS_H_

#include <linux/stat.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

#include "distros/tree/entry.h"

namespace wslm {

// Larger values of tv_nsec are commands to the kernel (UTIME_NOW, UTIME_OMIT).
inline timespec TimespecOf(Timestamp time) {
  return {.tv_sec = time.seconds, .tv_nsec = static_cast<int32_t>(std::min<uint32_t>(time.nanoseconds, 999'999'999))};
}

inline Timestamp TimestampOf(const statx_timestamp& time) {
  return {.seconds = time.tv_sec, .nanoseconds = time.tv_nsec};
}

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_TIMESTAMPS_H_
