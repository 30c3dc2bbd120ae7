#include "daemon/sessions/limit_text.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

constexpr struct {
  std::string_view name;
  v1::LimitKind kind;
  const char* sentence;
} kLimits[] = {
    {"netfilter", v1::LIMIT_KIND_NETFILTER, "netfilter rules (iptables, nft) are out of reach in version 1."},
    {"block-devices", v1::LIMIT_KIND_BLOCK_DEVICES,
     "block devices, file systems on them, loop devices and swap are out of reach in version 1."},
    {"modules", v1::LIMIT_KIND_MODULES, "kernel modules can't be loaded in version 1."},
    {"raw-sockets", v1::LIMIT_KIND_RAW_SOCKETS, "raw and packet sockets are out of reach in version 1."},
    {"interfaces", v1::LIMIT_KIND_INTERFACES,
     "network interfaces, addresses and routes are the host's in version 1 and can't be changed."},
    {"low-ports", v1::LIMIT_KIND_LOW_PORTS,
     "this port is reserved on the host, whose net.ipv4.ip_unprivileged_port_start (sysctl) says up to where."},
    {"clock", v1::LIMIT_KIND_CLOCK, "the clock is the host's in version 1 and can't be set."},
    {"32-bit", v1::LIMIT_KIND_32_BIT, "32-bit programs don't run in version 1."},
    {"control-groups", v1::LIMIT_KIND_CONTROL_GROUPS,
     "control groups, which containers want, are the host's in version 1 and can't be made."},
};

}  // namespace

std::optional<v1::LimitReached> DescribeLimit(const runtime::v1::LimitReached& limit, const v1::DistroRef& distro) {
  for (const auto& known : kLimits) {
    if (known.name != limit.kind) continue;
    v1::LimitReached result;
    *result.mutable_distro() = distro;
    result.set_kind(known.kind);
    result.set_program(Escaped(limit.program));
    result.set_message(absl::StrCat(result.program(), ": ", known.sentence, " It needs v2: wslm set-version ",
                                    Escaped(distro.name()), " 2"));
    return result;
  }
  return std::nullopt;
}

}  // namespace wslm::daemon
