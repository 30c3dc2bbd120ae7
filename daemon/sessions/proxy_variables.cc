#include "daemon/sessions/proxy_variables.h"

#include <algorithm>

namespace wslm::daemon {
namespace {

constexpr const char* kProxies[] = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
                                    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY"};
constexpr const char* kExceptions[] = {"no_proxy", "NO_PROXY"};

bool IsLoopback(const std::string& host) { return host == "localhost" || host == "[::1]" || host.starts_with("127."); }

// "[SCHEME://][USER@]HOST[:PORT][/…]" with another host where that is the host's own.
std::string SeenFromInside(const std::string& url, const std::string& host_name) {
  const size_t scheme = url.find("://");
  const size_t authority = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t authority_end = std::min(url.find('/', authority), url.size());
  const size_t at = url.rfind('@', authority_end);
  const size_t host = at != std::string::npos && at >= authority ? at + 1 : authority;
  const size_t bracket = url[host] == '[' ? url.find(']', host) : host;
  const size_t host_end = std::min(url.find(':', std::min(bracket, authority_end)), authority_end);
  if (!IsLoopback(url.substr(host, host_end - host))) return url;
  return url.substr(0, host) + host_name + url.substr(host_end);
}

}  // namespace

Variables ProxyVariables(const std::function<const char*(const char*)>& lookup, const std::string& host_name) {
  Variables variables;
  for (const char* name : kProxies) {
    const char* value = lookup(name);
    if (value != nullptr) variables[name] = host_name.empty() ? value : SeenFromInside(value, host_name);
  }
  for (const char* name : kExceptions) {
    const char* value = lookup(name);
    if (value != nullptr) variables[name] = value;
  }
  return variables;
}

}  // namespace wslm::daemon
