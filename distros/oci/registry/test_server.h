// An HTTP server in the test's own process that answers as badly as the test wants.
#ifndef WSLM_DISTROS_OCI_REGISTRY_TEST_SERVER_H_
#define WSLM_DISTROS_OCI_REGISTRY_TEST_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "distros/host/unique_fd.h"

namespace wslm::oci::registry {

struct TestRequest {
  std::string method;
  std::string path;
  // As it came; `Header` looks in it.
  std::string head;
  std::string body;
  std::string Header(const std::string& name) const {
    const std::string lower = absl::AsciiStrToLower(head);
    const size_t at = lower.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

struct TestAnswer {
  int code = 200;
  // "Name: value".
  std::vector<std::string> headers;
  std::string body;
  // Of what Content-Length says, where it isn't the body's size.
  int64_t length = -1;
  // The body again and again, until the client goes.
  bool endless = false;
  // Nothing more is sent behind the body, and the connection stays.
  bool hang = false;
};

class TestServer {
 public:
  using Handler = std::function<TestAnswer(const TestRequest&)>;

  explicit TestServer(Handler handler) : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~TestServer() {
    end_ = true;
    thread_.join();
    for (std::thread& connection : connections_) connection.join();
  }

  std::string host() const { return absl::StrCat("127.0.0.1:", port_); }
  std::string url() const { return absl::StrCat("http://", host()); }
  // Of all requests so far, in order.
  std::vector<TestRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  bool Wait(int fd) {
    while (!end_) {
      pollfd wait = {.fd = fd, .events = POLLIN};
      if (::poll(&wait, 1, 20) > 0) return true;
    }
    return false;
  }

  void Accept() {
    while (Wait(listener_.get())) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.emplace_back([this, fd] { Serve(UniqueFd(fd)); });
    }
  }

  static bool SendAll(int fd, const std::string& bytes) {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return false;
      done += static_cast<size_t>(count);
    }
    return true;
  }

  void Serve(UniqueFd fd) {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      char byte;
      if (!Wait(fd.get()) || ::recv(fd.get(), &byte, 1, 0) != 1) return;
      head += byte;
      if (head[0] == '\x16') {
        // As servers without TLS do.
        SendAll(fd.get(), "HTTP/1.0 400 Bad Request\r\n\r\n");
        return;
      }
    }
    TestRequest request{.head = head};
    const size_t space = head.find(' ');
    request.method = head.substr(0, space);
    request.path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    const size_t length = static_cast<size_t>(std::atoll(request.Header("content-length").c_str()));
    while (request.body.size() < length) {
      char buffer[65536];
      const size_t wanted = std::min(sizeof(buffer), length - request.body.size());
      const ssize_t count = Wait(fd.get()) ? ::recv(fd.get(), buffer, wanted, 0) : 0;
      if (count <= 0) return;
      request.body.append(buffer, static_cast<size_t>(count));
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const TestAnswer answer = handler_(request);
    std::string response = absl::StrCat("HTTP/1.1 ", answer.code, " x\r\nConnection: close\r\n");
    for (const std::string& header : answer.headers) absl::StrAppend(&response, header, "\r\n");
    if (!answer.endless) {
      absl::StrAppend(&response, "Content-Length: ", answer.length >= 0 ? answer.length : answer.body.size(), "\r\n");
    }
    absl::StrAppend(&response, "\r\n", request.method == "HEAD" ? "" : answer.body);
    if (!SendAll(fd.get(), response)) return;
    while (answer.endless && !end_ && SendAll(fd.get(), answer.body)) continue;
    // Nothing comes of the client, so that this lasts until it goes.
    if (answer.hang) Wait(fd.get());
    ::shutdown(fd.get(), SHUT_WR);
  }

  const Handler handler_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> end_ = false;
  std::thread thread_;
  std::vector<std::thread> connections_;
  std::mutex mutex_;
  std::vector<TestRequest> requests_;
};

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_TEST_SERVER_H_
