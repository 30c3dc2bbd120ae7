/* What a program that runs already executes once, to map what its fast path needs (program.h).
 *
 * lxcore writes it into spare bytes of the program's code, and a jump to it over the `mov $number,%eax` of a call site:
 * all registers but eax are the program's. It may be come to again while it is under way (a signal's handler makes the
 * same call), after a fork, or by other threads that have come up meanwhile: it has no state of its own, asks lxcore,
 * and goes on with the call in any case. Signals wait until it is done, so that nobody sees its descriptor. */
#include "runtime-v1/fastpath/protocol.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

__asm__(
    ".pushsection wslm_seed, \"ax\", @progbits\n"
    ".balign 16\n"
    ".globl wslm_seed_start, wslm_seed_move, wslm_seed_fields, wslm_seed_end\n"
    ".hidden wslm_seed_start, wslm_seed_move, wslm_seed_fields, wslm_seed_end\n"
    "wslm_seed_start:\n"
    /* Past what a leaf function keeps below its stack. */
    "  lea -128(%rsp), %rsp\n"
    "  pushfq\n"
    "  cmpb $0, wslm_seed_off(%rip)\n"
    "  jne 3f\n"
    "  push %rcx\n  push %rdx\n  push %rsi\n  push %rdi\n  push %r8\n  push %r9\n  push %r10\n  push %r11\n"
    /* rt_sigprocmask(SIG_SETMASK, all, &before, 8) */
    "  push $0\n"
    "  mov $14, %eax\n"
    "  mov $2, %edi\n"
    "  lea wslm_seed_all(%rip), %rsi\n"
    "  mov %rsp, %rdx\n"
    "  mov $8, %r10d\n"
    "  syscall\n"
    /* The image's descriptor, or an error. */
    "  mov $102, %eax\n"
    "  movabs $" TEXT(WSLM_FAST_ASK_IMAGE_VALUE) ", %r9\n"
    "  syscall\n"
    "  test %eax, %eax\n"
    "  js 1f\n"
    "  mov %eax, %r8d\n"
    /* mmap(image, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, descriptor, 0) */
    "  mov $9, %eax\n"
    "  mov wslm_seed_fields(%rip), %rdi\n"
    "  mov wslm_seed_fields+8(%rip), %rsi\n"
    "  mov $5, %edx\n"
    "  mov $0x100002, %r10d\n"
    "  xor %r9d, %r9d\n"
    "  syscall\n"
    /* close(descriptor) */
    "  mov $3, %eax\n"
    "  mov %r8d, %edi\n"
    "  syscall\n"
    /* mmap(block, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) */
    "  mov $9, %eax\n"
    "  mov wslm_seed_fields+16(%rip), %rdi\n"
    "  mov $4096, %esi\n"
    "  mov $3, %edx\n"
    "  mov $0x100022, %r10d\n"
    "  mov $-1, %r8\n"
    "  syscall\n"
    /* Whether all worked lxcore sees for itself, but not whose page that is. */
    "  mov %rax, %rdi\n"
    "1:\n"
    "  mov $102, %eax\n"
    "  movabs $" TEXT(WSLM_FAST_ASK_JUMPS_VALUE) ", %r9\n"
    "  syscall\n"
    /* rt_sigprocmask(SIG_SETMASK, &before, 0, 8) */
    "  mov $14, %eax\n"
    "  mov $2, %edi\n"
    "  mov %rsp, %rsi\n"
    "  xor %edx, %edx\n"
    "  mov $8, %r10d\n"
    "  syscall\n"
    "  add $8, %rsp\n"
    "  pop %r11\n  pop %r10\n  pop %r9\n  pop %r8\n  pop %rdi\n  pop %rsi\n  pop %rdx\n  pop %rcx\n"
    "3:\n"
    "  popfq\n"
    "  lea 128(%rsp), %rsp\n"
    /* The number, and the way back: filled in. */
    "wslm_seed_move:\n"
    "  .byte 0xb8, 0, 0, 0, 0\n"
    "  .byte 0xe9, 0, 0, 0, 0\n"
    ".balign 8\n"
    "wslm_seed_fields: .quad 0, 0, 0\n"
    "wslm_seed_all: .quad -1\n"
    /* struct WslmFastSeedEnd */
    "wslm_seed_off: .quad 0\n"
    "  .quad " TEXT(WSLM_FAST_SEED_MAGIC_VALUE) "\n"
    "wslm_seed_end:\n"
    ".popsection\n");
