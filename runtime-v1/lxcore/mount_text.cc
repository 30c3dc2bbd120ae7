#include "runtime-v1/lxcore/mount_text.h"

#include <cstdio>
#include <vector>

#include "distros/config/words.h"

namespace wslm::lxcore {
namespace {

// The fields of a line of mountinfo(5) that are shown, still escaped.
struct Shown {
  // ID, parent, device.
  std::string head;
  std::string root, point, options;
  // "shared:1 " and its like.
  std::string tags;
  std::string type, source, super_options;
};

// As the kernel escapes names there.
std::string EscapedField(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      char code[8];
      std::snprintf(code, sizeof(code), "\\%03o", static_cast<unsigned char>(c));
      escaped += code;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

bool ParseShown(std::string_view line, Shown& shown) {
  const std::vector<std::string_view> fields = Split(line, ' ');
  size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 3 >= fields.size()) return false;
  shown.head = std::string(fields[0]) + " " + std::string(fields[1]) + " " + std::string(fields[2]);
  shown.root = fields[3];
  shown.point = fields[4];
  shown.options = fields[5];
  for (size_t i = 6; i < dash; ++i) shown.tags += std::string(fields[i]) + " ";
  shown.type = fields[dash + 1];
  shown.source = fields[dash + 2];
  shown.super_options = fields[dash + 3];
  return true;
}

// Without the folder `above` in front of it.
std::string Below(const std::string& path, const std::string& above) {
  if (above != "/" && path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/')) {
    return path.size() == above.size() ? "/" : path.substr(above.size());
  }
  return path;
}

void Replace(const GuestFiles& files, const MountLine& line, const std::vector<MountLine>& lines, Shown& shown) {
  if (files.IsRootfs(line)) {
    shown.type = shown.source = "lxfs";
    shown.root = EscapedField(Below(line.root, files.rootfs_root()));
    shown.super_options = "rw";
    return;
  }
  if (files.KindOf(line) != MountKind::kDrvfs) return;
  const DrvfsMount* mount = files.DrvfsMountOf(line, lines);
  const Drvfs& drvfs = files.drvfs();
  // Of what lies in one, its own path below: the host's, too.
  std::string source = mount == nullptr ? Below(line.point, drvfs.host_folder)
                       : mount->point == line.point
                           ? mount->source
                           : (mount->source == "/" ? "" : mount->source) + Below(line.point, mount->point);
  const std::string options = DrvfsOptionsText(mount == nullptr ? drvfs.options : mount->options);
  shown.type = "drvfs";
  shown.source = EscapedField(source);
  shown.root = "/";
  shown.super_options = options.empty() ? "rw" : "rw," + options;
}

// Calls `show` for each line.
template <typename Show>
void ForEach(const GuestFiles& files, std::string_view mountinfo, Show show) {
  const std::vector<MountLine> lines = ParseMountInfo(mountinfo);
  size_t next = 0;
  for (const std::string_view text : Split(mountinfo, '\n')) {
    Shown shown;
    if (!ParseShown(text, shown)) continue;
    // Both skip the same lines: those without a source are none of the kernel's.
    if (next < lines.size()) Replace(files, lines[next++], lines, shown);
    show(shown);
  }
}

}  // namespace

std::string GuestMountInfo(const GuestFiles& files, std::string_view mountinfo) {
  std::string text;
  ForEach(files, mountinfo, [&text](const Shown& m) {
    text += m.head + " " + m.root + " " + m.point + " " + m.options + " " + m.tags + "- " + m.type + " " + m.source +
            " " + m.super_options + "\n";
  });
  return text;
}

std::string GuestMounts(const GuestFiles& files, std::string_view mountinfo) {
  std::string text;
  ForEach(files, mountinfo, [&text](const Shown& m) {
    // The mount's options, with those of its file system that don't repeat them.
    std::string options = m.options;
    for (const std::string_view option : Split(m.super_options, ',')) {
      if (option != "rw" && option != "ro") options += "," + std::string(option);
    }
    text += m.source + " " + m.point + " " + m.type + " " + options + " 0 0\n";
  });
  return text;
}

}  // namespace wslm::lxcore
