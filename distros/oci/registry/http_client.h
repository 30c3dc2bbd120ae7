// One HTTP request after another, over libcurl: TLS always verified, nothing followed, nothing remembered but open
// connections.
//
//   HttpClient client(certificates, patience, stop);
//   ASSIGN_OR_RETURN(const HttpResponse response, client.Send({.url = url, .headers = {"Accept: …"}}));
#ifndef WSLM_DISTROS_OCI_REGISTRY_HTTP_CLIENT_H_
#define WSLM_DISTROS_OCI_REGISTRY_HTTP_CLIENT_H_

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/stop.h"
#include "distros/oci/registry/url.h"

namespace wslm::oci::registry {

struct HttpResponse {
  int code = 0;
  // Names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  bool success() const { return code >= 200 && code < 300; }
  // The first of that name (lower case); empty when there is none.
  std::string Header(std::string_view name) const;
  // What a server that is busy asks for; at least 0.
  std::optional<std::chrono::milliseconds> RetryAfter() const;
};

struct HttpRequest {
  // GET, HEAD, POST, PUT, PATCH or DELETE; the last four may send a body.
  std::string method = "GET";
  Url url;
  // "Name: value".
  std::vector<std::string> headers;
  // What is sent: these bytes, or a part of a file.
  std::string body;
  int file = -1;
  int64_t file_offset = 0;
  int64_t file_size = 0;
  // Told how many bytes more were given to the network; fewer, when they have to go again or the request failed.
  std::function<void(int64_t)> on_sent;
  // Gets the body of a success as it comes. Without it the body is kept, and more than body_limit is an error. Of what
  // is no success only the first 64 KiB are kept, always.
  std::function<absl::Status(const HttpResponse& head, std::string_view bytes)> on_body;
  size_t body_limit = size_t{1} << 20;
};

// For one thread at a time. `certificates` (TrustedCertificates) and `stop` outlive it.
class HttpClient {
 public:
  HttpClient(const std::string& certificates, const Patience& patience, const Stop& stop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Whatever the server answers is a response. Errors: UNAVAILABLE with reason NETWORK when it can't be reached or the
  // connection breaks (another try may help); FAILED_PRECONDITION with NETWORK when its certificate is refused;
  // CORRUPT_SOURCE when it sends more than the limit; CANCELLED; those of on_body.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request);

  // Whether the last error was that the server did not speak TLS.
  bool no_tls() const { return last_ == CURLE_SSL_CONNECT_ERROR; }

 private:
  // CURL and CURLM are both void.
  struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  class Exchange;

  void SetUp(Exchange& exchange, char* error);
  absl::StatusOr<CURLcode> Perform();

  const std::string& certificates_;
  const Patience patience_;
  const Stop& stop_;
  // The last member goes first: an easy handle before its multi handle.
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  CURLcode last_ = CURLE_OK;
};

// That the network, or a server on it, failed: `code` with reason NETWORK.
absl::Status NetworkError(absl::StatusCode code, const std::string& host, const std::string& message,
                          const std::string& detail = "");

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_HTTP_CLIENT_H_
