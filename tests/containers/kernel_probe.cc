// What a distro's root may ask of its kernel and no shell can: a static program for the inside of a distro.
//
//   kernel_probe bpf|io_uring|ptrace    does it, and says "ok" or what failed
//   kernel_probe rules                  says how many device rules hang on the control group that it sees as the root
//   kernel_probe map FILE               writes "mapped" over its beginning through a shared mapping
//   kernel_probe lock FILE              locks its beginning by fcntl, and sees that a child then can't
//   kernel_probe serve ADDRESS PORT     accepts connections and tells each who it is, until it is killed
//   kernel_probe answer PORT            answers datagrams, until it is killed
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

[[noreturn]] void Fail(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void Ok() { std::puts("ok"); }

// Loads a program that answers 42, and runs it.
void Bpf() {
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[0].imm = 42;
  program[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr load = {};
  load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  load.insns = reinterpret_cast<uint64_t>(program);
  load.insn_cnt = 2;
  load.license = reinterpret_cast<uint64_t>("GPL");
  const long loaded = ::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  if (loaded < 0) Fail("load");
  char packet[64] = {};
  bpf_attr run = {};
  run.test.prog_fd = static_cast<uint32_t>(loaded);
  run.test.data_in = reinterpret_cast<uint64_t>(packet);
  run.test.data_size_in = sizeof packet;
  if (::syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof run) != 0) Fail("run");
  if (run.test.retval != 42) Fail("answer");
  Ok();
}

void Rules() {
  const int root = ::open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bpf_attr query = {};
  query.query.target_fd = static_cast<uint32_t>(root);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  if (::syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) != 0) Fail("query");
  std::printf("%u\n", query.query.prog_cnt);
}

// Reads a file's beginning through a ring.
void IoUring() {
  io_uring_params parameters = {};
  const long ring = ::syscall(SYS_io_uring_setup, 4, &parameters);
  if (ring < 0) Fail("io_uring_setup");
  const auto map = [&](size_t size, off_t at) {
    void* const place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(ring), at);
    if (place == MAP_FAILED) Fail("mmap");
    return static_cast<char*>(place);
  };
  char* const submissions = map(parameters.sq_off.array + parameters.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
  char* const completions =
      map(parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
  auto* const entries =
      reinterpret_cast<io_uring_sqe*>(map(parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
  FILE* const file = std::fopen("/proc/version", "r");
  char text[5] = {};
  entries[0].opcode = IORING_OP_READ;
  entries[0].fd = ::fileno(file);
  entries[0].addr = reinterpret_cast<uint64_t>(text);
  entries[0].len = sizeof text;
  reinterpret_cast<uint32_t*>(submissions + parameters.sq_off.array)[0] = 0;
  reinterpret_cast<std::atomic<uint32_t>*>(submissions + parameters.sq_off.tail)->store(1);
  if (::syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) != 1) Fail("io_uring_enter");
  const auto* const done = reinterpret_cast<io_uring_cqe*>(completions + parameters.cq_off.cqes);
  if (done->res != sizeof text || std::string_view(text, sizeof text) != "Linux") Fail("read");
  Ok();
}

// Sees a child's system call and changes its answer.
void Ptrace() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::_exit(::syscall(SYS_getuid) == 77 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  bool entered = false;
  while (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0 && ::waitpid(child, &status, 0) == child &&
         WIFSTOPPED(status)) {
    user_regs_struct registers = {};
    if (::ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) Fail("PTRACE_GETREGS");
    entered = !entered;
    if (entered || registers.orig_rax != SYS_getuid) continue;
    registers.rax = 77;
    if (::ptrace(PTRACE_SETREGS, child, nullptr, &registers) != 0) Fail("PTRACE_SETREGS");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) Fail("the child saw another answer");
  Ok();
}

void Map(const char* path) {
  const int file = ::open(path, O_RDWR);
  void* const place = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (place == MAP_FAILED) Fail("mmap");
  std::memcpy(place, "mapped", 6);
  if (::msync(place, 4096, MS_SYNC) != 0) Fail("msync");
  Ok();
}

void Lock(const char* path) {
  const int file = ::open(path, O_RDWR);
  struct flock beginning = {};
  beginning.l_type = F_WRLCK;
  beginning.l_len = 4;
  if (::fcntl(file, F_SETLK, &beginning) != 0) Fail("lock");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::fcntl(file, F_SETLK, &beginning) != 0 && errno == EAGAIN ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) Fail("the child could lock it, too");
  Ok();
}

void Serve(const char* address, const char* port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  own.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  ::inet_pton(AF_INET, address, &own.sin_addr);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 || ::listen(listener, 16) != 0) Fail("bind");
  Ok();
  std::fflush(stdout);
  while (true) {
    sockaddr_in other = {};
    socklen_t size = sizeof other;
    const int connection = ::accept(listener, reinterpret_cast<sockaddr*>(&other), &size);
    char name[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &other.sin_addr, name, sizeof name);
    const std::string line = std::string(name) + "\n";
    if (::send(connection, line.data(), line.size(), MSG_NOSIGNAL) < 0) std::perror("send");
    ::close(connection);
  }
}

void Answer(const char* port) {
  const int receiver = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  own.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  if (::bind(receiver, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) Fail("bind");
  while (true) {
    char text[512];
    sockaddr_in other = {};
    socklen_t size = sizeof other;
    const ssize_t got = ::recvfrom(receiver, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&other), &size);
    if (got < 0) continue;
    const std::string answer = std::string(text, static_cast<size_t>(got)) + " answered";
    ::sendto(receiver, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&other), size);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "bpf") {
    Bpf();
  } else if (what == "io_uring") {
    IoUring();
  } else if (what == "ptrace") {
    Ptrace();
  } else if (what == "rules") {
    Rules();
  } else if (what == "map" && argc == 3) {
    Map(argv[2]);
  } else if (what == "lock" && argc == 3) {
    Lock(argv[2]);
  } else if (what == "serve" && argc == 4) {
    Serve(argv[2], argv[3]);
  } else if (what == "answer" && argc == 3) {
    Answer(argv[2]);
  } else {
    std::fputs("usage: kernel_probe bpf|io_uring|ptrace|rules|map FILE|lock FILE|serve ADDRESS PORT|answer PORT\n",
               stderr);
    return 2;
  }
  return 0;
}
