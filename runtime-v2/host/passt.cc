#include "runtime-v2/host/passt.h"

#include <sys/socket.h>

#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "distros/host/error.h"
#include "runtime-v2/host/file_identity.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/process.h"
#include "runtime-v2/host/qemu_command.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

constexpr char kProgram[] = "passt";
constexpr absl::Duration kStartTimeout = absl::Seconds(10);
// Of its own end; the VM is told no other way, so that any will do that is not the VM's.
constexpr char kMac[] = "52:54:00:12:34:01";

// Addresses are given and the template is lo, so that it starts on a host without a network, too, which may have one
// later. It passes nothing on to the VM and answers for nobody but the VM's way out: the rest is QEMU's.
std::vector<std::string> Arguments(const std::string& program) {
  return {program, "--fd",      "3",           "--quiet",   "--ipv4-only", "--interface", "lo",          "--mac-addr",
          kMac,    "--address", kVmAddress,    "--netmask", "24",          "--gateway",   kPasstGateway, "--no-map-gw",
          "--dns", "none",      "--tcp-ports", "none",      "--udp-ports", "none",        "--no-dhcp"};
}

// Why QEMU can't work with passt; empty when it can, which is remembered: asking takes a tenth of a VM's start.
std::string WhyNoStreams() {
  const std::string qemu = FindProgram(HostMachine().qemu);
  const std::string identity = FileIdentity(qemu).value_or("");
  static std::mutex& mutex = *new std::mutex;
  static std::string& known = *new std::string;
  const std::lock_guard lock(mutex);
  if (!identity.empty() && identity == known) return "";
  const auto backends = RunProgram({qemu, "-netdev", "help"}, kStartTimeout);
  if (!backends.ok()) return absl::StrCat("QEMU does not say whether it knows passt: ", backends.status().message());
  if (!absl::StrContains(*backends, "\nstream\n")) return "passt needs QEMU 7.2 or newer.";
  known = identity;
  return "";
}

}  // namespace

VmNetwork ChooseNetwork(UserConfig::Network wanted) {
  if (wanted == UserConfig::Network::kSlirp) return {.reason = "vmNetwork in wslm.conf says so."};
  VmNetwork network{.passt = FindProgram(kProgram)};
  if (!network.passt.empty()) {
    network.reason = WhyNoStreams();
    if (!network.reason.empty()) network.passt.clear();
    return network;
  }
  network.reason = wanted == UserConfig::Network::kPasst ? "passt, which vmNetwork in wslm.conf says, is not installed."
                                                         : "passt is not installed.";
  return network;
}

VmNetwork NetworkAgain(bool passt) {
  if (!passt) return {.reason = "The hibernated VM was started without passt."};
  const std::string program = FindProgram(kProgram);
  return {.passt = program.empty() ? kProgram : program};
}

absl::StatusOr<PasstStart> StartPasst(const std::string& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return ErrnoError("cannot make", "socket");
  PasstStart start{.wire = UniqueFd(ends[0])};
  const UniqueFd passts(ends[1]);
  // It goes to the background when it is ready.
  start.status = RunProgram(Arguments(program), kStartTimeout, "/", {passts.get()}).status();
  return start;
}

bool PasstIsThere(std::string_view info) {
  // "net1: index=0,type=stream,ADDRESS"; no address when the connection has ended.
  const std::string gone = absl::StrCat(kPasstNetdev, ": index=0,type=stream,\r");
  return info.find(kPasstNetdev) != std::string_view::npos && info.find(gone) == std::string_view::npos;
}

}  // namespace wslm
