// A bounded pipe of bytes between a thread that blocks (an operation's) and a client's stream that must not.
//
//   upload:    reactor -> Push / OnRoom        operation -> ReadEnd as a ByteSource
//   download:  operation -> WriteEnd as a ByteSink    reactor -> Take / OnData
//
// Thread-safe. Callbacks run on the other side's thread, without locks, and must not block.
#ifndef WSLM_DAEMON_TRANSFERS_BYTE_PIPE_H_
#define WSLM_DAEMON_TRANSFERS_BYTE_PIPE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/byte_stream.h"

namespace wslm::daemon {

class BytePipe {
 public:
  // `reader_timeout`: how long Write waits for a reader that takes nothing.
  explicit BytePipe(size_t capacity, absl::Duration reader_timeout = absl::InfiniteDuration())
      : capacity_(capacity), reader_timeout_(reader_timeout) {}

  // The writing side that must not block. False: it is full; push no more before `on_room` was called. After
  // CloseReader bytes are dropped.
  bool Push(std::string_view bytes);
  // The writing side that blocks. Errors: that of CloseReader; CANCELLED when nobody reads.
  absl::Status Write(std::string_view bytes);
  // Waits till the reader has taken everything, as long as Write would. Errors as Write.
  absl::Status WaitUntilTaken();
  // No more bytes: the end (OK), or an error for the reader.
  void CloseWriter(const absl::Status& status);

  // The reading side that must not block: up to `size` bytes; empty when there is nothing now.
  std::string Take(size_t size);
  // The end, once everything was taken.
  std::optional<absl::Status> End() const;
  // The reading side that blocks: 0 at the end. Errors: that of CloseWriter, that of CloseReader.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);
  // Nobody reads any more; OK: what still comes is of no interest.
  void CloseReader(const absl::Status& status);
  std::optional<absl::Status> reader_closed() const;

  // One each; nullptr takes it away.
  void OnRoom(std::function<void()> callback);
  void OnData(std::function<void()> callback);

 private:
  // Waits for `condition`, or till nobody has read for the reader's timeout.
  template <class Condition>
  absl::Status WaitLocked(std::unique_lock<std::mutex>& lock, Condition condition);
  void Notify(std::function<void()> BytePipe::*callback);
  std::string TakeLocked(size_t size);

  const size_t capacity_;
  const absl::Duration reader_timeout_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string buffer_;
  size_t taken_ = 0;
  // Grows with each read.
  int64_t reads_ = 0;
  bool full_reported_ = false;
  std::optional<absl::Status> end_;
  std::optional<absl::Status> reader_closed_;
  std::function<void()> on_room_;
  std::function<void()> on_data_;
};

// The blocking ends. `total` as ByteSource has it.
std::unique_ptr<ByteSource> PipeSource(std::shared_ptr<BytePipe> pipe, int64_t total);
// The writer is to be closed by who made it.
std::unique_ptr<ByteSink> PipeSink(std::shared_ptr<BytePipe> pipe);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_TRANSFERS_BYTE_PIPE_H_
