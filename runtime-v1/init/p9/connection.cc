#include "runtime-v1/init/p9/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace wslm::p9 {
namespace {

bool ReadAll(int socket, char* to, size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(socket, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace

void ServeConnection(int socket, Server& server) {
  constexpr size_t kSizeField = 4;
  std::string message;
  while (true) {
    message.resize(kSizeField);
    if (!ReadAll(socket, message.data(), kSizeField)) return;
    const uint32_t size = Reader(message).U32();
    if (size < kHeaderSize || size > server.largest()) return;
    message.resize(size);
    if (!ReadAll(socket, message.data() + kSizeField, size - kSizeField)) return;
    const std::string answer = server.Handle(message);
    if (answer.empty() || !WriteAll(socket, answer)) return;
  }
}

}  // namespace wslm::p9
