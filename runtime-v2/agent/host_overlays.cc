#include "runtime-v2/agent/host_overlays.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/host_folders.h"
#include "runtime-v2/agent/mount_namespaces.h"
#include "runtime-v2/agent/overlay_layers.h"

namespace wslm {
namespace {

// What tells it from all others, in whatever namespaces it is seen.
std::string NameOf(const MountLine& overlay) { return overlay.device + " " + overlay.super_options; }

std::string DeviceOf(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return "";
  return absl::StrCat(status.stx_dev_major, ":", status.stx_dev_minor);
}

absl::Status InTheWay(const MountLine& overlay, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The overlay at ", Escaped(UnescapedPath(overlay.point)), " ", why, "."));
}

// Whether all layers are found, the relative ones in the folder `base`, in the namespace that this process is in.
// Error: one is of the host's device.
absl::StatusOr<bool> AreFound(const MountLine& overlay, const std::vector<std::string>& layers, const std::string& base,
                              const std::string& host) {
  bool all = true;
  for (const std::string& layer : layers) {
    const std::string path = layer.starts_with('/') ? layer : absl::StrCat(base, "/", layer);
    const std::string device = DeviceOf(path);
    if (device == host) return InTheWay(overlay, absl::StrCat("is made of the host's files, of ", Escaped(path)));
    if (device.empty()) all = false;
  }
  return all;
}

absl::StatusOr<bool> IsOfSomethingElse(const MountLine& overlay, const std::string& host) {
  const std::vector<std::string> layers = OverlayLayers(overlay.super_options);
  const bool relative =
      std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return !layer.starts_with('/'); });
  if (!relative) return AreFound(overlay, layers, "", host);
  for (const std::string& base : BasesOfLayers(UnescapedPath(overlay.point), layers)) {
    ASSIGN_OR_RETURN(const bool found, AreFound(overlay, layers, base, host));
    if (found) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<OtherOverlays> CheckOverlays() {
  OtherOverlays others;
  const std::string host = DeviceOf(kHostFolder);
  ASSIGN_OR_RETURN(NamespaceVisit visit, NamespaceVisit::Begin());
  ASSIGN_OR_RETURN(const auto namespaces, MountsOfOtherNamespaces(visit));
  // Its folders may be seen in another namespace than it is.
  std::map<std::string, MountLine> unknown;
  for (const NamespaceMounts& there : namespaces) {
    for (const MountLine& mount : there.mounts) {
      if (mount.type == "overlay") unknown.emplace(NameOf(mount), mount);
    }
  }
  for (const NamespaceMounts& there : namespaces) {
    // What has ended meanwhile tells nothing.
    if (!visit.Enter(there.where).ok()) continue;
    // Where it is mounted its names mean most, also when they led to something elsewhere.
    std::map<std::string, MountLine> wanted = unknown;
    for (const MountLine& mount : there.mounts) {
      if (mount.type == "overlay") wanted.emplace(NameOf(mount), mount);
    }
    for (const auto& [name, overlay] : wanted) {
      ASSIGN_OR_RETURN(const bool known, IsOfSomethingElse(overlay, host));
      if (!known) continue;
      others.insert(name);
      unknown.erase(name);
    }
  }
  RETURN_IF_ERROR(visit.GoHome());
  if (unknown.empty()) return others;
  return InTheWay(unknown.begin()->second, "may be made of the host's files: its folders aren't found");
}

absl::Status CheckIsNoNewOverlay(const OtherOverlays& known, const MountLine& mount) {
  if (mount.type != "overlay" || known.contains(NameOf(mount))) return absl::OkStatus();
  return InTheWay(mount, "was mounted just now");
}

}  // namespace wslm
