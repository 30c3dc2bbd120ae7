// QEMU's command line.
#ifndef WSLM_RUNTIME_V2_HOST_QEMU_COMMAND_H_
#define WSLM_RUNTIME_V2_HOST_QEMU_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

namespace wslm {

struct QemuOptions {
  std::string program;
  bool kvm = false;
  int64_t memory_mib = 1024;
  int processors = 1;
  // It goes out by passt, whose descriptor is the one after the last of those below.
  bool passt = false;
  // Nothing is booted: the VM waits for what migrate-incoming brings.
  bool incoming = false;
  // More words for the kernel.
  std::string kernel_command_line;
  // The host's time stamp counter, needed under TCG; 0 = not known.
  int64_t tsc_khz = 0;
  std::string kernel;
  std::string initramfs;
  std::string modules_image;
  std::string control_socket;
  std::string qmp_socket;
  // Appended to.
  std::string console_log;
};

// Ids that QMP commands name.
inline constexpr char kControlChardev[] = "control";
inline constexpr char kControlPortId[] = "control-port";
inline constexpr char kScsiBus[] = "scsi0.0";
inline constexpr char kNetdev[] = "net0";
inline constexpr char kPasstNetdev[] = "net1";

// Where QEMU finds descriptors that it inherits: the VM's memory, and what its devices are to be.
inline constexpr int kMemoryFd = 3;
inline constexpr int kStateFd = 4;

// argv, the program first.
std::vector<std::string> QemuArguments(const QemuOptions& options);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_QEMU_COMMAND_H_
