#include "distros/oci/registry/certificates.h"

#include <curl/curl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm::oci::registry {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

bool HoldsCertificate(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, Free> first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return first != nullptr;
}

}  // namespace

absl::StatusOr<std::string> TrustedCertificates(const std::string& ca_file) {
  if (ca_file.empty()) return std::string();
  ASSIGN_OR_RETURN(std::string own, ReadSmallFile(ca_file, size_t{4} << 20));
  if (!HoldsCertificate(own)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("The file ", Escaped(ca_file), " holds no certificate in PEM form."),
                 {{"field", "ca_file"}, {"path", ca_file}});
  }
  const char* host_file = curl_version_info(CURLVERSION_NOW)->cainfo;
  if (host_file == nullptr || !PathExists(host_file)) return own;
  ASSIGN_OR_RETURN(const std::string host, ReadSmallFile(host_file, size_t{16} << 20));
  return absl::StrCat(host, "\n", own);
}

}  // namespace wslm::oci::registry
