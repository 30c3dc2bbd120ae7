// One transfer between two forms, for tests/bench/images/run to time:
//
//   images_bench copy SOURCE SINK    images_bench digest SOURCE    images_bench check IMAGE
//
// A source or sink is FORM:PATH with the form tar, lxfs (a folder, made by us) or ext4 (an image). Prints the digest.
#include <fcntl.h>
#include <sys/stat.h>

#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/lxfs.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/transfer.h"

namespace wslm {
namespace {

struct Place {
  explicit Place(std::string_view text) : form(text.substr(0, text.find(':'))), path(text.substr(form.size() + 1)) {}
  std::string form;
  std::string path;
};

absl::StatusOr<std::unique_ptr<Source>> OpenSource(const Place& place) {
  if (place.form == "lxfs") return OpenLxfsSource(place.path, {});
  if (place.form == "ext4") return OpenExt4Source(place.path);
  UniqueFd fd(::open(place.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoError("cannot open", place.path);
  return OpenTarSource(FdByteSource(std::move(fd), place.path), place.path);
}

absl::StatusOr<std::unique_ptr<Sink>> OpenSink(const Place& place) {
  if (place.form == "ext4") return CreateExt4Sink(place.path, {});
  if (place.form == "lxfs") {
    if (::mkdir(place.path.c_str(), 0700) != 0) return ErrnoError("cannot make", place.path);
    return CreateLxfsSink(place.path, {});
  }
  const TarCompression compression = TarCompressionOfName(place.path).value_or(TarCompression::kNone);
  UniqueFd fd(::open(place.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return ErrnoError("cannot make", place.path);
  return OpenTarSink(FdByteSink(std::move(fd), place.path), compression);
}

absl::Status Run(std::string_view work, std::string_view from, std::string_view to) {
  if (work == "check") return CheckExt4(std::string(from));
  ASSIGN_OR_RETURN(const std::unique_ptr<Source> source, OpenSource(Place(from)));
  TreeDigest digest;
  if (work == "copy") {
    ASSIGN_OR_RETURN(const std::unique_ptr<Sink> sink, OpenSink(Place(to)));
    ASSIGN_OR_RETURN(const TransferResult result, Transfer(*source, *sink, {}));
    digest = result.digest;
  } else {
    ASSIGN_OR_RETURN(digest, DigestOf(*source, {}));
  }
  std::cout << digest.ToString() << '\n';
  return absl::OkStatus();
}

bool Understood(int count, char** arguments) {
  if (count < 3) return false;
  const std::string_view work = arguments[1];
  const auto place = [&](int i) { return absl::StrContains(arguments[i], ":"); };
  return (work == "check" && count == 3) || (work == "digest" && count == 3 && place(2)) ||
         (work == "copy" && count == 4 && place(2) && place(3));
}

}  // namespace
}  // namespace wslm

int main(int argc, char** argv) {
  if (!wslm::Understood(argc, argv)) {
    std::cerr
        << "images_bench copy SOURCE SINK | digest SOURCE | check IMAGE, with tar:PATH, lxfs:FOLDER, ext4:IMAGE\n";
    return 2;
  }
  const absl::Status status = wslm::Run(argv[1], argv[2], argc > 3 ? argv[3] : "");
  if (!status.ok()) std::cerr << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
