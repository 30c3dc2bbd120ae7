// The JSON documents of a container image, which anybody may have written: read within bounds, never believed to have
// the right types. Thread-safe.
#ifndef WSLM_DISTROS_OCI_JSON_DOCUMENT_H_
#define WSLM_DISTROS_OCI_JSON_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm {

using Json = nlohmann::json;

// No document of an image is larger: registries hold manifests to the same bound.
inline constexpr size_t kDocumentMax = size_t{4} << 20;

// CORRUPT_SOURCE when it is larger than kDocumentMax, deeper than 32, of more than 200,000 values, or no JSON. `name`
// is for messages.
absl::StatusOr<Json> ParseDocument(std::string_view text, std::string_view name);

// Takes typed fields out of an object and remembers the first that is wrong. A field that is null is not there.
//
//   Fields fields(json, "its manifest");
//   fields.Text("mediaType", type);
//   RETURN_IF_ERROR(fields.status());
class Fields {
 public:
  // `json` need not be an object. It must outlive this.
  Fields(const Json& json, std::string name);

  void Text(const char* field, std::string& value, bool required = false);
  void Integer(const char* field, int64_t& value, bool required = false);
  // A list of texts; a single text counts as a list of it, as Docker once wrote.
  void Texts(const char* field, std::vector<std::string>& values, bool required = false);
  void TextMap(const char* field, std::map<std::string, std::string>& values);
  // nullptr: not there, or of another type.
  const Json* Object(const char* field, bool required = false);
  const Json* List(const char* field, bool required = false);

  // CORRUPT_SOURCE: "NAME is wrong: its field ...".
  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* field, bool required);
  bool TakeText(const char* field, const Json& json, std::string& value);
  void Fail(const char* field, std::string_view what);

  const Json& json_;
  const std::string name_;
  absl::Status status_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_JSON_DOCUMENT_H_
