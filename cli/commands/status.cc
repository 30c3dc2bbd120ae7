#include "absl/strings/str_cat.h"
#include "cli/client_command.h"
#include "cli/commands/commands.h"
#include "cli/exit_codes.h"
#include "cli/output/json.h"
#include "cli/output/units.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {
namespace {

std::string VmLine(const v1::VmInfo& vm) {
  std::string line = vm.hibernated() ? "hibernated" : "stopped";
  if (vm.running()) line = vm.restored() ? "running, restored" : "running";
  if (!vm.accelerator().empty()) absl::StrAppend(&line, ", ", Escaped(vm.accelerator()));
  if (!vm.accelerator_reason().empty()) absl::StrAppend(&line, " (", Escaped(vm.accelerator_reason()), ")");
  return line;
}

std::string Describe(const v1::GetInfoResponse& info) {
  const std::string name = info.has_default_distro() ? Escaped(info.default_distro().name()) : "none";
  std::string text =
      absl::StrCat("Default distro: ", name, "\nDefault version: ", VersionNumber(info.default_version()),
                   "\nDistros in: ", Escaped(info.data_folder()), "\nDaemon: ", Escaped(info.version()), ", pid ",
                   info.pid(), ", log ", Escaped(info.log_path()), "\nVirtual machine: ", VmLine(info.vm()), "\n");
  if (!info.vm().kernel_release().empty()) {
    absl::StrAppend(&text, "Kernel: ", Escaped(info.vm().kernel_release()), "\n");
  }
  if (!info.vm().network().empty()) {
    absl::StrAppend(
        &text, "Network: ", Escaped(info.vm().network()),
        info.vm().network_reason().empty() ? "" : absl::StrCat(" (", Escaped(info.vm().network_reason()), ")"), "\n");
  }
  if (info.vm().running() && !info.vm().hibernation_problem().empty()) {
    absl::StrAppend(&text, "Not hibernated: ", Escaped(info.vm().hibernation_problem()), "\n");
  }
  for (const v1::Disk& disk : info.vm().disks()) {
    absl::StrAppend(&text, "Disk ", Escaped(disk.name()), ": ", Escaped(disk.source()), ", ",
                    disk.bare() ? absl::StrCat("bare, /dev/", Escaped(disk.device()))
                                : absl::StrCat("at /mnt/wsl/", Escaped(disk.name()), " (", Escaped(disk.type()), ")"),
                    disk.read_only() ? ", read-only" : "", "\n");
  }
  for (const v1::VmIncident& incident : info.vm().incidents()) {
    absl::StrAppend(&text, "Incident at ", ShowTime(incident.time()), ": ", Escaped(incident.message()), "\n");
  }
  for (const v1::ForwardedPort& port : info.vm().ports()) {
    absl::StrAppend(&text, "Port ", port.port(), port.protocol() == "udp" ? " (UDP): " : ": ",
                    port.problem().empty() ? absl::StrCat("on 127.0.0.1:", port.port()) : Escaped(port.problem()),
                    "\n");
  }
  if (info.vm().more_ports() > 0) {
    absl::StrAppend(&text, "Ports above those, which are not forwarded: ", info.vm().more_ports(), "\n");
  }
  if (info.unfinished_operations() > 0) {
    absl::StrAppend(&text, "Operations under way: ", info.unfinished_operations(), " ('wslm op list')\n");
  }
  for (const v1::HostCapability& capability : info.capabilities()) {
    absl::StrAppend(&text, "Host ", Escaped(capability.name()), ": ", capability.available() ? "yes" : "no");
    // KVM's is said with the virtual machine.
    const bool is_said = capability.detail() == info.vm().accelerator_reason();
    if (!capability.detail().empty() && !is_said) absl::StrAppend(&text, " (", Escaped(capability.detail()), ")");
    absl::StrAppend(&text, "\n");
  }
  return text;
}

class StatusCommand : public ClientCommand {
 public:
  using ClientCommand::ClientCommand;

  std::string name() const override { return "status"; }
  std::string summary() const override { return "Show the defaults, the daemon, the host's abilities"; }
  std::string usage() const override { return "status [--json]"; }

  absl::StatusOr<int> Run() override {
    // It is what the daemon says of itself at every connection.
    RETURN_IF_ERROR(client_.Channel().status());
    const v1::GetInfoResponse info = client_.info();
    console_.Out(json_ ? JsonDocument(info) : Describe(info));
    return kExitOk;
  }

 protected:
  void AddArguments(Arguments& arguments) override { arguments.Flag("--json", json_, "As JSON"); }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeStatusCommand(Client& client, Console& console) {
  return std::make_unique<StatusCommand>(client, console);
}

}  // namespace wslm::cli
