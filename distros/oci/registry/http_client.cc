#include "distros/oci/registry/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::oci::registry {
namespace {

constexpr size_t kHeaderLimit = 256 << 10;
constexpr size_t kFailureLimit = 64 << 10;
// All of a request whose answer is small; larger ones have the limit on stalls alone.
constexpr long kSmallRequestSeconds = 300;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// Once in the process, whoever comes first: libcurl asks that no other thread is in curl_global_init.
void InitialiseCurl() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) std::abort();
}

}  // namespace

absl::Status NetworkError(absl::StatusCode code, const std::string& host, const std::string& message,
                          const std::string& detail) {
  return Error(code, reason::kNetwork, message, {{"host", host}, {"detail", detail}});
}

std::string HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::optional<std::chrono::milliseconds> HttpResponse::RetryAfter() const {
  const std::string value = Header("retry-after");
  if (value.empty()) return std::nullopt;
  constexpr int64_t kDay = 86400;
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(value, &seconds)) {
    const time_t when = curl_getdate(value.c_str(), nullptr);
    if (when < 0) return std::nullopt;
    seconds = when - ::time(nullptr);
  }
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kDay));
}

// One request and what comes of it, as libcurl's callbacks see them.
class HttpClient::Exchange {
 public:
  explicit Exchange(const HttpRequest& request) : request_(request) {
    curl_slist* list = nullptr;
    // Not waited for: who must say who they are was told so before.
    for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
    list = curl_slist_append(list, "Expect:");
    if (sends_body() && request.body.empty() && request.file < 0) list = curl_slist_append(list, "Content-Type:");
    headers_.reset(list);
  }

  const HttpRequest& request() const { return request_; }
  bool sends_body() const { return request_.method != "GET" && request_.method != "HEAD"; }
  int64_t size() const { return request_.file >= 0 ? request_.file_size : static_cast<int64_t>(request_.body.size()); }
  curl_slist* headers() const { return headers_.get(); }
  HttpResponse& response() { return response_; }
  const absl::Status& status() const { return status_; }
  // What was sent did not count.
  void TakeBack() {
    if (request_.on_sent) request_.on_sent(-sent_);
    sent_ = 0;
  }

  static size_t OnHeader(char* bytes, size_t, size_t size, void* self) {
    return static_cast<Exchange*>(self)->TakeHeader({bytes, size}) ? size : 0;
  }
  static size_t OnBody(char* bytes, size_t, size_t size, void* self) {
    return static_cast<Exchange*>(self)->TakeBody({bytes, size}) ? size : 0;
  }
  static size_t OnRead(char* buffer, size_t, size_t size, void* self) {
    return static_cast<Exchange*>(self)->Give(buffer, size);
  }
  static int OnSeek(void* self, curl_off_t offset, int origin) {
    auto* exchange = static_cast<Exchange*>(self);
    if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
    if (exchange->request_.on_sent) exchange->request_.on_sent(offset - exchange->sent_);
    exchange->sent_ = offset;
    return CURL_SEEKFUNC_OK;
  }

 private:
  bool Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
    return false;
  }

  absl::Status TooMuch(const std::string& what) const {
    return Error(
        absl::StatusCode::kDataLoss, reason::kCorruptSource,
        absl::StrCat(Escaped(request_.url.host), " sends more ", what, " than it may. Nothing of it was kept."),
        {{"detail", absl::StrCat("more ", what, " than it may")}});
  }

  bool TakeHeader(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kHeaderLimit) return Fail(TooMuch("headers"));
    if (line.substr(0, 5) == "HTTP/") {
      // The first line; a "100 Continue" may have come before it.
      response_ = {};
      const size_t space = line.find(' ');
      response_.code = space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    response_.headers.emplace_back(absl::AsciiStrToLower(std::string(line.substr(0, colon))),
                                   std::string(absl::StripAsciiWhitespace(std::string(line.substr(colon + 1)))));
    return true;
  }

  bool TakeBody(std::string_view bytes) {
    if (!response_.success()) {
      // Enough to say what is wrong.
      const size_t room = kFailureLimit - std::min(kFailureLimit, response_.body.size());
      response_.body.append(bytes.substr(0, room));
      return bytes.size() <= room;
    }
    if (request_.on_body) {
      absl::Status status = request_.on_body(response_, bytes);
      return status.ok() || Fail(std::move(status));
    }
    if (response_.body.size() + bytes.size() > request_.body_limit) return Fail(TooMuch("bytes"));
    response_.body.append(bytes);
    return true;
  }

  size_t Give(char* buffer, size_t size) {
    const size_t wanted = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(size), this->size() - sent_));
    if (request_.file < 0) {
      std::memcpy(buffer, request_.body.data() + sent_, wanted);
    } else {
      for (size_t done = 0; done < wanted;) {
        const ssize_t count = ::pread(request_.file, buffer + done, wanted - done,
                                      request_.file_offset + sent_ + static_cast<int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
          Fail(ErrnoError("cannot read", "the file to be sent", count == 0 ? EIO : errno));
          return CURL_READFUNC_ABORT;
        }
        done += static_cast<size_t>(count);
      }
    }
    sent_ += static_cast<int64_t>(wanted);
    if (request_.on_sent) request_.on_sent(static_cast<int64_t>(wanted));
    return wanted;
  }

  const HttpRequest& request_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  HttpResponse response_;
  absl::Status status_;
  size_t header_bytes_ = 0;
  int64_t sent_ = 0;
};

HttpClient::HttpClient(const std::string& certificates, const Patience& patience, const Stop& stop)
    : certificates_(certificates), patience_(patience), stop_(stop) {
  InitialiseCurl();
  multi_.reset(curl_multi_init());
  easy_.reset(curl_easy_init());
  if (multi_ == nullptr || easy_ == nullptr) std::abort();
}

HttpClient::~HttpClient() = default;

void HttpClient::SetUp(Exchange& exchange, char* error) {
  CURL* easy = easy_.get();
  const HttpRequest& request = exchange.request();
  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request.url.scheme.c_str());
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "wslm/" WSLM_VERSION);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A look-up of a name that hangs doesn't hold a cancel.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // A proxy's loopback is not ours.
  if (request.url.loopback()) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");

  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!certificates_.empty()) {
    curl_blob blob = {const_cast<char*>(certificates_.data()), certificates_.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }

  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(patience_.connect.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(patience_.stall.count()));
  if (!request.on_body && request.file < 0) curl_easy_setopt(easy, CURLOPT_TIMEOUT, kSmallRequestSeconds);

  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Exchange::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Exchange::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  if (request.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (exchange.sends_body()) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Exchange::OnRead);
    curl_easy_setopt(easy, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &Exchange::OnSeek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &exchange);
  }
}

absl::StatusOr<CURLcode> HttpClient::Perform() {
  while (true) {
    RETURN_IF_ERROR(stop_.Check());
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (curl_multi_poll(multi_.get(), nullptr, 0, /*timeout_ms=*/50, nullptr) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  }
}

absl::StatusOr<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  char error[CURL_ERROR_SIZE] = "";
  Exchange exchange(request);
  last_ = CURLE_OK;
  SetUp(exchange, error);
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) std::abort();
  const absl::StatusOr<CURLcode> result = Perform();
  curl_multi_remove_handle(multi_.get(), easy_.get());
  // They point into this call.
  curl_easy_setopt(easy_.get(), CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, nullptr);
  if (!result.ok() || *result != CURLE_OK || !exchange.response().success()) exchange.TakeBack();
  if (!result.ok()) return result.status();
  if (!exchange.status().ok()) return exchange.status();
  last_ = *result;
  // A long answer that is no success was cut: what came is enough.
  const bool cut = last_ == CURLE_WRITE_ERROR && exchange.response().code != 0 && !exchange.response().success();
  if (last_ == CURLE_OK || cut) return std::move(exchange.response());

  const std::string host = Escaped(request.url.host);
  const std::string detail = Escaped(error[0] != '\0' ? error : curl_easy_strerror(last_));
  switch (last_) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return NetworkError(absl::StatusCode::kFailedPrecondition, request.url.host,
                          absl::StrCat("The certificate of ", host, " was refused: ", detail,
                                       ". If its authority is your own, name the authority's file."),
                          detail);
    case CURLE_SSL_CACERT_BADFILE:
      return NetworkError(absl::StatusCode::kFailedPrecondition, request.url.host,
                          absl::StrCat("This machine's certificate authorities can't be read (", detail,
                                       "). Install the package ca-certificates."),
                          detail);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return NetworkError(absl::StatusCode::kUnavailable, request.url.host,
                          absl::StrCat(detail, ". Check the name ", host, " and this machine's network."), detail);
    case CURLE_COULDNT_CONNECT:
      return NetworkError(absl::StatusCode::kUnavailable, request.url.host,
                          absl::StrCat(host, " can't be reached: ", detail, ". Check the network, and try again."),
                          detail);
    case CURLE_OPERATION_TIMEDOUT:
      return NetworkError(absl::StatusCode::kUnavailable, request.url.host,
                          absl::StrCat(host, " took too long: ", detail, ". Try again later."), detail);
    case CURLE_SSL_CONNECT_ERROR:
      return NetworkError(absl::StatusCode::kUnavailable, request.url.host,
                          absl::StrCat("No TLS connection to ", host, " came about: ", detail, "."), detail);
    default:
      return NetworkError(absl::StatusCode::kUnavailable, request.url.host,
                          absl::StrCat("The connection to ", host, " broke: ", detail, ". Try again."), detail);
  }
}

}  // namespace wslm::oci::registry
