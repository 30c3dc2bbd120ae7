// Times the VM alone: its boot, its start from a snapshot, and what its control connection carries. Prints JSON.
//
//   vm_bench CACHE LIBEXEC SCRATCH REPETITIONS MEBIBYTES
//
// CACHE has the kernel or gets it, LIBEXEC has wslm-agent and wslm-init, SCRATCH is a folder for what is left over.
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/initramfs.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/snapshot_key.h"
#include "runtime-v2/host/snapshot_maker.h"
#include "runtime-v2/host/unix_socket.h"
#include "runtime-v2/host/vm.h"
#include "wslm/runtime/v1/handshake.h"

namespace wslm {
namespace {

using runtime::v1::Frame;
using runtime::v1::FrameParser;
using runtime::v1::FrameType;

constexpr absl::Duration kTimeout = absl::Seconds(20);

VmPaths PathsIn(const std::string& folder, const std::string& name) {
  return {.control_socket = folder + "/" + name + "-control.sock",
          .qmp_socket = folder + "/" + name + "-qmp.sock",
          .record = folder + "/" + name + ".json",
          .console_log = folder + "/" + name + ".log"};
}

absl::StatusOr<VmBootOptions> Prepare(const std::string& cache, const std::string& libexec, const std::string& agent,
                                      const VmPaths& paths) {
  std::vector<std::string> warnings;
  VmBootOptions options{
      .paths = paths, .qemu = FindProgram(HostMachine().qemu), .settings = ChooseVmSettings({}, warnings)};
  ASSIGN_OR_RETURN(options.kernel, EnsureKernel(cache, [](const std::string&) {}));
  ASSIGN_OR_RETURN(options.initramfs, EnsureInitramfs({.agent = libexec + "/" + agent,
                                                       .init = libexec + "/wslm-init",
                                                       .boot_modules = options.kernel.boot_modules},
                                                      ParentPath(paths.record)));
  options.accelerator = ChooseAccelerator(cache);
  return options;
}

// Says HELLO on a connection of our own, in place of the VM's.
absl::StatusOr<UniqueFd> Connect(Vm& vm, const VmPaths& paths, FrameParser& parser) {
  vm.Disconnect();
  ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnixSocket(paths.control_socket, kTimeout, nullptr));
  RETURN_IF_ERROR(
      runtime::v1::SayHello(socket.get(), {.hello_timeout = kTimeout, .padding = true, .seed = true}, parser).status());
  return socket;
}

absl::Status SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return absl::UnavailableError("the VM hung up");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status WaitForEnd(int socket, uint32_t stream, FrameParser& parser) {
  std::string buffer(256 << 10, '\0');
  while (true) {
    Frame frame;
    while (parser.Next(frame) == FrameParser::Result::kFrame) {
      if (frame.type == FrameType::kStatus && frame.stream == stream) return absl::OkStatus();
    }
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count <= 0) return absl::UnavailableError("the VM hung up");
    parser.Feed(std::string_view(buffer.data(), static_cast<size_t>(count)));
  }
}

// Seconds. What the agent does is in frame_agent.cc.
absl::StatusOr<double> TimeUp(int socket, int64_t bytes, FrameParser& parser) {
  std::string frames;
  for (int i = 0; i < 16; ++i) {
    runtime::v1::AppendFrame(FrameType::kData, 0, 1, std::string(runtime::v1::kMaxPayload, 'x'), frames);
  }
  std::string end;
  runtime::v1::AppendFrame(FrameType::kOpen, 0, 2, "0", end);
  const absl::Time begin = absl::Now();
  for (int64_t sent = 0; sent < bytes; sent += 16 * static_cast<int64_t>(runtime::v1::kMaxPayload)) {
    RETURN_IF_ERROR(SendAll(socket, frames));
  }
  RETURN_IF_ERROR(SendAll(socket, end));
  RETURN_IF_ERROR(WaitForEnd(socket, 2, parser));
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

absl::StatusOr<double> TimeDown(int socket, int64_t bytes, FrameParser& parser) {
  std::string open;
  runtime::v1::AppendFrame(FrameType::kOpen, 0, 3, std::to_string(bytes), open);
  const absl::Time begin = absl::Now();
  RETURN_IF_ERROR(SendAll(socket, open));
  RETURN_IF_ERROR(WaitForEnd(socket, 3, parser));
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

// MiB a second.
struct Rates {
  double up = 0;
  double down = 0;
};

absl::StatusOr<Rates> MeasureFrames(const std::string& cache, const std::string& libexec, const std::string& scratch,
                                    int mebibytes) {
  const std::string folder = scratch + "/frames";
  RETURN_IF_ERROR(MakeFolders(folder));
  ASSIGN_OR_RETURN(const VmBootOptions options, Prepare(cache, libexec, "frame_agent", PathsIn(folder, "vm")));
  ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, Vm::Boot(options));
  auto rates = [&]() -> absl::StatusOr<Rates> {
    FrameParser parser;
    ASSIGN_OR_RETURN(const UniqueFd socket, Connect(*vm, options.paths, parser));
    ASSIGN_OR_RETURN(const double up, TimeUp(socket.get(), int64_t{mebibytes} << 20, parser));
    ASSIGN_OR_RETURN(const double down, TimeDown(socket.get(), int64_t{mebibytes} << 20, parser));
    return Rates{.up = mebibytes / up, .down = mebibytes / down};
  }();
  vm->Discard();
  return rates;
}

std::string Milliseconds(const std::vector<absl::Duration>& taken) {
  return absl::StrJoin(
      taken, ", ", [](std::string* out, absl::Duration one) { absl::StrAppend(out, absl::ToDoubleMilliseconds(one)); });
}

absl::Status Run(const std::string& cache, const std::string& libexec, const std::string& scratch, int repetitions,
                 int mebibytes) {
  ASSIGN_OR_RETURN(const VmBootOptions options, Prepare(cache, libexec, "wslm-agent", PathsIn(scratch, "vm")));
  std::vector<absl::Duration> boots;
  for (int i = 0; i < repetitions; ++i) {
    const absl::Time begin = absl::Now();
    ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, Vm::Boot(options));
    boots.push_back(absl::Now() - begin);
    vm->Discard();
  }
  const SnapshotStore store(scratch + "/snapshots");
  SnapshotMaker maker(store, PathsIn(scratch, "maker"));
  const absl::Time making = absl::Now();
  maker.Begin([&] { return options; });
  RETURN_IF_ERROR(maker.Wait());
  const absl::Duration made = absl::Now() - making;
  ASSIGN_OR_RETURN(const std::string key, SnapshotKey(QemuOptionsOf(options)));
  const auto load = [&](int memory, int state) { return store.Load(key, memory, state); };
  std::vector<absl::Duration> restores;
  for (int i = 0; i < repetitions; ++i) {
    const absl::Time begin = absl::Now();
    ASSIGN_OR_RETURN(const std::shared_ptr<Vm> vm, Vm::Restore(options, load));
    restores.push_back(absl::Now() - begin);
    vm->Discard();
  }
  ASSIGN_OR_RETURN(const Rates rates, MeasureFrames(cache, libexec, scratch, mebibytes));
  std::printf(R"({"accelerator": "%s", "boot_ms": [%s], "snapshot_ms": %.0f, "restore_ms": [%s], )"
              R"("up_mib_s": %.1f, "down_mib_s": %.1f})"
              "\n",
              options.accelerator.kvm ? "kvm" : "tcg", Milliseconds(boots).c_str(), absl::ToDoubleMilliseconds(made),
              Milliseconds(restores).c_str(), rates.up, rates.down);
  return absl::OkStatus();
}

}  // namespace
}  // namespace wslm

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: vm_bench CACHE LIBEXEC SCRATCH REPETITIONS MEBIBYTES\n");
    return 2;
  }
  const absl::Status status = wslm::Run(argv[1], argv[2], argv[3], std::atoi(argv[4]), std::atoi(argv[5]));
  if (status.ok()) return 0;
  std::fprintf(stderr, "vm_bench: %s\n", status.ToString().c_str());
  return 1;
}
