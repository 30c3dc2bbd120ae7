#include "runtime-v2/host/qemu_command.h"

#include <cstdio>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

// A comma in a value is written twice.
std::string Value(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped.append(c == ',' ? 2 : 1, c);
  return escaped;
}

std::string KernelCommandLine(const QemuOptions& options) {
  // panic and the machine's reboot: a panic ends QEMU (-no-reboot) instead of hanging in silence. cryptomgr.notests:
  // half a second of self-tests. lsm: all but bpf, beside which Linux before 6.10 lets everybody change security
  // attributes.
  const Machine& machine = HostMachine();
  std::string line =
      absl::StrCat("console=", machine.console, " quiet panic=-1 ", machine.kernel_words(options.kvm, options.tsc_khz),
                   " cryptomgr.notests lsm=landlock,lockdown,yama,apparmor,tomoyo");
  if (!options.kernel_command_line.empty()) line += " " + options.kernel_command_line;
  return line;
}

std::string HexNumber(uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

std::vector<std::string> QemuArguments(const QemuOptions& options) {
  std::vector<std::string> arguments = {
      options.program,
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-name",
      "wslm",
      "-accel",
      options.kvm ? "kvm" : "tcg,thread=multi,tb-size=256",
      "-cpu",
      options.kvm ? "max" : HostMachine().emulated_processor,
      "-m",
      std::to_string(options.memory_mib),
      "-object",
      absl::StrCat("memory-backend-file,id=memory,share=on,size=", options.memory_mib, "M,mem-path=/proc/self/fd/",
                   kMemoryFd),
      "-machine",
      "memory-backend=memory",
      "-smp",
      std::to_string(options.processors),
      "-chardev",
      "file,id=console,append=on,path=" + Value(options.console_log),
      "-serial",
      "chardev:console",
      "-device",
      "virtio-serial-device",
      "-chardev",
      absl::StrCat("socket,id=", kControlChardev, ",server=on,wait=off,path=", Value(options.control_socket)),
      "-device",
      absl::StrCat("virtserialport,id=", kControlPortId, ",chardev=", kControlChardev, ",name=", kControlPort),
      "-device",
      "virtio-scsi-device,id=scsi0",
      "-netdev",
      absl::StrCat("user,id=", kNetdev),
      "-device",
      absl::StrCat("virtio-net-device,netdev=", kNetdev),
      "-device",
      "virtio-balloon-device,free-page-reporting=on",
      "-device",
      "virtio-rng-device",
      "-fsdev",
      "local,id=host,path=/,security_model=none,multidevs=remap",
      "-device",
      "virtio-9p-device,fsdev=host,mount_tag=host",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-qmp",
      "unix:" + Value(options.qmp_socket) + ",server=on,wait=off",
  };
  const std::vector<std::string>& board = HostMachine().board;
  arguments.insert(arguments.end(), board.begin(), board.end());
  if (options.passt) {
    arguments.insert(arguments.end(),
                     {"-netdev",
                      absl::StrCat("stream,id=", kPasstNetdev,
                                   ",server=off,addr.type=fd,addr.str=", (options.incoming ? kStateFd : kMemoryFd) + 1),
                      "-device", absl::StrCat("virtio-net-device,netdev=", kPasstNetdev, ",mac=", kPasstDeviceMac)});
  }
  if (options.incoming) {
    arguments.insert(arguments.end(), {"-incoming", "defer"});
  } else {
    arguments.insert(arguments.end(),
                     {"-kernel", options.kernel, "-initrd", options.initramfs, "-append", KernelCommandLine(options)});
  }
  if (options.modules_image.empty()) return arguments;
  const std::string modules[] = {
      "-blockdev",
      "driver=file,node-name=modules-file,read-only=on,filename=" + Value(options.modules_image),
      "-blockdev",
      "driver=raw,node-name=modules,read-only=on,file=modules-file",
      "-device",
      absl::StrCat("scsi-hd,id=modules,drive=modules,bus=", kScsiBus, ",scsi-id=0,lun=0,wwn=", HexNumber(kModulesWwn)),
  };
  arguments.insert(arguments.end(), std::begin(modules), std::end(modules));
  return arguments;
}

}  // namespace wslm
