#include "runtime-v2/host/deb_package.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr size_t kLargestImage = size_t{128} << 20;

absl::Status Unavailable(std::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kKernelUnavailable, message);
}

struct ReaderDeleter {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, ReaderDeleter>;

// The member of the outer archive as the input of the inner one.
struct Member {
  archive* outer;
  std::vector<char> buffer;
};

la_ssize_t ReadMember(archive* inner, void* context, const void** bytes) {
  auto* member = static_cast<Member*>(context);
  *bytes = member->buffer.data();
  const la_ssize_t count = ::archive_read_data(member->outer, member->buffer.data(), member->buffer.size());
  if (count < 0) ::archive_set_error(inner, ARCHIVE_FATAL, "%s", ::archive_error_string(member->outer));
  return count;
}

absl::Status Damaged(const std::string& package, archive* reader) {
  const char* detail = ::archive_error_string(reader);
  return Unavailable("The kernel package " + Escaped(package) +
                     " can't be read: " + Escaped(detail == nullptr ? "it is cut short" : detail) + ".");
}

// Where an entry of the package goes.
struct Place {
  enum class Kind { kNone, kImage, kModule } kind = Kind::kNone;
  std::string release;
  std::string path;  // below /lib/modules/RELEASE
};

bool IsPlain(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.find('/') == std::string_view::npos;
}

Place PlaceOf(std::string_view path) {
  while (path.starts_with("./") || path.starts_with("/")) path.remove_prefix(path.find('/') + 1);
  if (path.starts_with("usr/")) path.remove_prefix(4);
  constexpr std::string_view kImage = "boot/vmlinuz-";
  constexpr std::string_view kModules = "lib/modules/";
  if (path.starts_with(kImage)) {
    path.remove_prefix(kImage.size());
    return IsPlain(path) ? Place{Place::Kind::kImage, std::string(path), ""} : Place{};
  }
  if (!path.starts_with(kModules)) return {};
  path.remove_prefix(kModules.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos || !IsPlain(path.substr(0, slash))) return {};
  Place place{Place::Kind::kModule, std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
  std::istringstream parts(place.path);
  for (std::string part; std::getline(parts, part, '/');) {
    if (!IsPlain(part)) return {};
  }
  return place.path.empty() ? Place{} : place;
}

absl::Status WriteEntry(archive* reader, const std::string& package, const std::string& path) {
  RETURN_IF_ERROR(MakeFolders(ParentPath(path), 0755));
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  const int result = ::archive_read_data_into_fd(reader, file.get());
  if (result >= ARCHIVE_WARN) return absl::OkStatus();
  RETURN_IF_ERROR(CheckFreeSpace(ParentPath(path), int64_t{1} << 20));
  return Damaged(package, reader);
}

absl::StatusOr<std::string> ReadEntry(archive* reader, const std::string& package) {
  std::string bytes;
  char buffer[65536];
  while (true) {
    const la_ssize_t count = ::archive_read_data(reader, buffer, sizeof buffer);
    if (count < 0 || bytes.size() > kLargestImage) return Damaged(package, reader);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
  }
}

absl::StatusOr<UnpackedKernel> UnpackData(archive* outer, const std::string& package, const std::string& folder) {
  Member member{outer, std::vector<char>(size_t{1} << 20)};
  const Reader reader(::archive_read_new());
  // Those of dpkg: for some others libarchive runs programs.
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_filter_bzip2(reader.get());
  ::archive_read_support_filter_lzma(reader.get());
  ::archive_read_support_format_tar(reader.get());
  if (::archive_read_open(reader.get(), &member, nullptr, ReadMember, nullptr) != ARCHIVE_OK) {
    return Damaged(package, reader.get());
  }
  UnpackedKernel kernel{.modules = folder + "/modules"};
  archive_entry* entry = nullptr;
  int result;
  while ((result = ::archive_read_next_header(reader.get(), &entry)) >= ARCHIVE_WARN && result != ARCHIVE_EOF) {
    const char* name = ::archive_entry_pathname(entry);
    if (name == nullptr || ::archive_entry_filetype(entry) != AE_IFREG) continue;
    const Place place = PlaceOf(name);
    if (place.kind == Place::Kind::kNone) continue;
    if (kernel.release.empty()) kernel.release = place.release;
    if (place.release != kernel.release) return Unavailable("The kernel package holds more than one kernel.");
    if (place.kind == Place::Kind::kImage) {
      ASSIGN_OR_RETURN(kernel.bzimage, ReadEntry(reader.get(), package));
    } else {
      RETURN_IF_ERROR(WriteEntry(reader.get(), package, kernel.modules + "/" + place.path));
    }
  }
  if (result != ARCHIVE_EOF) return Damaged(package, reader.get());
  if (kernel.bzimage.empty() || !PathExists(kernel.modules + "/kernel")) {
    return Unavailable("The package " + Escaped(package) + " holds no kernel with modules.");
  }
  return kernel;
}

}  // namespace

std::string KernelPackageIn(std::string_view output) {
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find("Depends: linux-image-");
    if (begin == std::string::npos) continue;
    std::string name = line.substr(begin + 9);
    return name.substr(0, name.find_first_of(" \t("));
  }
  return "";
}

absl::StatusOr<UnpackedKernel> UnpackKernelPackage(const std::string& package, const std::string& folder) {
  const Reader outer(::archive_read_new());
  ::archive_read_support_format_ar(outer.get());
  if (::archive_read_open_filename(outer.get(), package.c_str(), size_t{1} << 20) != ARCHIVE_OK) {
    return Damaged(package, outer.get());
  }
  archive_entry* entry = nullptr;
  while (::archive_read_next_header(outer.get(), &entry) == ARCHIVE_OK) {
    const char* name = ::archive_entry_pathname(entry);
    if (name != nullptr && std::string_view(name).starts_with("data.tar"))
      return UnpackData(outer.get(), package, folder);
  }
  return Unavailable("The file " + Escaped(package) + " is no Debian package.");
}

}  // namespace wslm
