// libarchive's reader over a ByteSource.
#ifndef WSLM_DISTROS_TAR_ARCHIVE_READER_H_
#define WSLM_DISTROS_TAR_ARCHIVE_READER_H_

#include <archive.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "distros/host/byte_stream.h"

namespace wslm {

// CORRUPT_SOURCE: "NAME is damaged or not complete: DETAIL."
absl::Status CorruptArchive(std::string_view name, std::string_view detail);

struct FreeArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

// Owns a reader and what it reads. Not thread-safe.
class ArchiveReader {
 public:
  ArchiveReader(std::unique_ptr<ByteSource> bytes, std::string name);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // For the support_* calls that come before Open.
  archive* get() const { return archive_.get(); }
  absl::Status Open();
  // What the last call of libarchive failed of: the source's own error, else CORRUPT_SOURCE.
  absl::Status Failure() const;

  // libarchive keeps in memory all that a header says (the map of a sparse file has no end of its own): from now to
  // EndHeader only so much is read as a header may have, after that it is CORRUPT_SOURCE.
  void BeginHeader();
  void EndHeader() { read_max_ = INT64_MAX; }
  // The bytes of the header that was read last, with all that belongs to it; before its content is read.
  std::string Header() const;

  // Whether there is a block of 512 zeros at `offset`, which was read lately.
  bool HasZeroBlock(int64_t offset) const;
  // Reads on to the end of the source, so that its faults show and who fills a pipe can finish.
  absl::Status Drain();

  const std::string& name() const { return name_; }

 private:
  // A piece of the source; its offset and size are multiples of 512, but for the last one's size.
  struct Piece {
    std::vector<char> buffer;
    int64_t offset = 0;
    size_t size = 0;
  };
  static la_ssize_t ReadCallback(archive* reader, void* self, const void** buffer);
  bool Fill();

  const std::unique_ptr<ByteSource> bytes_;
  const std::string name_;
  absl::Status status_;
  // The two last read: what libarchive ends with may lie in the one before the last.
  Piece pieces_[2];
  int current_ = 0;
  // Offset behind which nothing is read now.
  int64_t read_max_ = INT64_MAX;
  // What was read before both since the last BeginHeader.
  std::string before_;
  const std::unique_ptr<archive, FreeArchive> archive_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_ARCHIVE_READER_H_
