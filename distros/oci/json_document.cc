#include "distros/oci/json_document.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

constexpr int kDepthMax = 32;
constexpr int kValuesMax = 200'000;

// What is wrong with its shape, seen before memory is spent on it; empty: nothing.
std::string_view ShapeProblem(std::string_view text) {
  int depth = 0;
  int values = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return "it is nested too deeply";
      ++values;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',') {
      ++values;
    }
    if (values > kValuesMax) return "it holds too many values";
  }
  return {};
}

}  // namespace

absl::StatusOr<Json> ParseDocument(std::string_view text, std::string_view name) {
  if (text.size() > kDocumentMax) return CorruptArchive(name, "it is larger than 4 MiB");
  if (const std::string_view problem = ShapeProblem(text); !problem.empty()) return CorruptArchive(name, problem);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return CorruptArchive(name, "it is no JSON");
  return json;
}

Fields::Fields(const Json& json, std::string name) : json_(json), name_(std::move(name)) {
  if (!json.is_object()) status_ = CorruptArchive(name_, "it is no JSON object");
}

const Json* Fields::Find(const char* field, bool required) {
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(field);
  if (found != json_.end() && !found->is_null()) return &*found;
  if (required) Fail(field, "is missing");
  return nullptr;
}

void Fields::Fail(const char* field, std::string_view what) {
  if (status_.ok()) status_ = CorruptArchive(name_, absl::StrCat("its field '", field, "' ", std::string(what)));
}

bool Fields::TakeText(const char* field, const Json& json, std::string& value) {
  if (!json.is_string()) {
    Fail(field, "is not a text");
    return false;
  }
  value = json.get_ref<const std::string&>();
  if (value.find('\0') == std::string::npos) return true;
  Fail(field, "has a zero byte");
  return false;
}

void Fields::Text(const char* field, std::string& value, bool required) {
  if (const Json* found = Find(field, required); found != nullptr) TakeText(field, *found, value);
}

void Fields::Integer(const char* field, int64_t& value, bool required) {
  const Json* found = Find(field, required);
  if (found == nullptr) return;
  // Unsigned ones beyond int64_t would wrap.
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))) {
    return Fail(field, "is not an integer");
  }
  value = found->get<int64_t>();
  if (value < 0) Fail(field, "is negative");
}

void Fields::Texts(const char* field, std::vector<std::string>& values, bool required) {
  const Json* found = Find(field, required);
  if (found == nullptr) return;
  values.clear();
  if (found->is_string()) {
    TakeText(field, *found, values.emplace_back());
    return;
  }
  if (!found->is_array()) return Fail(field, "is not a list of texts");
  for (const Json& one : *found) {
    if (!TakeText(field, one, values.emplace_back())) return;
  }
}

void Fields::TextMap(const char* field, std::map<std::string, std::string>& values) {
  const Json* found = Object(field);
  if (found == nullptr) return;
  values.clear();
  for (const auto& [key, value] : found->items()) {
    if (!TakeText(field, value, values[key])) return;
  }
}

const Json* Fields::Object(const char* field, bool required) {
  const Json* found = Find(field, required);
  if (found == nullptr || found->is_object()) return found;
  Fail(field, "is not an object");
  return nullptr;
}

const Json* Fields::List(const char* field, bool required) {
  const Json* found = Find(field, required);
  if (found == nullptr || found->is_array()) return found;
  Fail(field, "is not a list");
  return nullptr;
}

}  // namespace wslm
