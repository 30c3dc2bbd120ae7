/* What the handlers in a patched C library and lxcore say to each other. C and C++.
 *
 * A call with WSLM_FAST_NATIVE as its sixth argument, which none of these calls has, passes the filter: the handlers
 * look at what the kernel answers, and make the ordinary call, which lxcore serves, where that isn't a plain case. */
#ifndef WSLM_RUNTIME_V1_FASTPATH_PROTOCOL_H_
#define WSLM_RUNTIME_V1_FASTPATH_PROTOCOL_H_

#include <stdint.h>

#define WSLM_FAST_NATIVE UINT64_C(0x57534c4d66617374)
/* Sixth argument of the getuid by which a process asks lxcore to fill its block, whose address is the first; the second
 * is the maker of its copy. */
#define WSLM_FAST_ASK UINT64_C(0x57534c4d61736b21)

/* Sixth arguments of the getuids of a seed (seed.c), as the assembler takes them. The answer is a descriptor of the
 * image that is to be mapped, or an error. */
#define WSLM_FAST_ASK_IMAGE_VALUE 0x57534c4d61736b22
#define WSLM_FAST_ASK_IMAGE ((uint64_t)WSLM_FAST_ASK_IMAGE_VALUE)
/* It is mapped, if that was possible: calls may be sent to it. */
#define WSLM_FAST_ASK_JUMPS_VALUE 0x57534c4d61736b23
#define WSLM_FAST_ASK_JUMPS ((uint64_t)WSLM_FAST_ASK_JUMPS_VALUE)

#define WSLM_FAST_SEED_MAGIC_VALUE 0x57534c4d73656564
#define WSLM_FAST_SEED_MAGIC ((uint64_t)WSLM_FAST_SEED_MAGIC_VALUE)

/* The last bytes of a mapping of code that a seed was planted in. Also the seeds of another lxcore have it. */
struct WslmFastSeedEnd {
  uint64_t off; /* not 0: the seed does nothing any more */
  uint64_t magic;
};

/* An lxcore finds the blocks of processes that loaded copies of another one, and tells them kWslmFastNever: the magic
 * number, block_address, the level's place and that value stay as they are (SharedState::kLayout). */

/* What a process may answer for itself. */
enum WslmFastLevel {
  kWslmFastUnknown = 0, /* ask */
  kWslmFastNever = 1,   /* ask no more: its threads may differ */
  kWslmFastIds = 2,     /* its ids */
  kWslmFastUser = 3,    /* and files, as a user without rights over others' */
  kWslmFastRoot = 4,    /* and files, as root with all rights over them */
};

/* In every process that has loaded the copy, zero at first. lxcore writes all before `memo_uses`. */
struct WslmFastBlock {
  uint32_t level;
  uint32_t ruid, euid, rgid, egid;
  /* Owner of files with the sticky bit on the host, and who is asking: 1 that user, 2 of its group,
   * 4 one whose new files are like that. */
  uint32_t second_uid, second_gid, second_is;
  /* The distro's own file system. */
  uint64_t mount_id;
  uint32_t dev_major, dev_minor;

  /* The last folder, by the beginning of a path, that could be reached. */
  uint32_t memo_uses;
  uint32_t memo_lock;
  uint64_t memo_generation;
  uint32_t memo_length;
  char memo[212];
};

#define WSLM_FAST_SHARED_MAGIC UINT64_C(0x57534c4d73686172)
#define WSLM_FAST_BLOOM_BITS 32768u

/* The copy's first own page: lxcore writes, all processes that have loaded the copy read. */
struct WslmFastShared {
  uint64_t magic;
  /* Where the block is in the library. */
  uint64_t block_address;
  /* The lxcore that made the copy: no other one can write here. */
  uint64_t maker;
  /* Changes whenever folders may have become others, or others' to search. */
  uint64_t generation;
  /* Whether a file without a record has no attribute that says who may do what, and is said to have none: there are
   * none beside the files, and the host's file system knows such attributes. */
  uint64_t plain_attributes;
  /* Inodes of links and fifos that have a record: a bit each, by WslmFastBloomBit. */
  uint64_t bloom[WSLM_FAST_BLOOM_BITS / 64];
};

static inline uint32_t WslmFastBloomBit(uint64_t inode) {
  return (uint32_t)((inode * UINT64_C(0x9e3779b97f4a7c15)) >> 49); /* the upper 15 bits */
}

/* At the start of the handlers' code. All are distances from the field itself, filled in by the patcher. */
struct WslmFastHeader {
  int64_t block;
  int64_t shared;
};

#endif /* WSLM_RUNTIME_V1_FASTPATH_PROTOCOL_H_ */
