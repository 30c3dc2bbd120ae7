#include "distros/registry/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

using Json = nlohmann::json;

// The format's number: raised only when an older wslm would misread the file.
constexpr int kFormat = 1;

absl::Status Broken(const std::string& path, const std::string& what) {
  const std::string detail = absl::StrCat("its record ", Escaped(path), " ", what);
  return Error(absl::StatusCode::kDataLoss, reason::kDistroBroken,
               absl::StrCat(detail, ". Mend or restore that file; nothing was changed."), {{"detail", detail}});
}

// Takes typed fields out of a record and remembers the first that is wrong.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  void Text(const char* name, std::string& value, bool required = false) {
    const Json* field = Find(name, required);
    if (field == nullptr) return;
    if (!field->is_string()) return Fail(name, "is not a text");
    value = field->get<std::string>();
  }

  void Texts(const char* name, std::vector<std::string>& values) {
    const Json* field = Find(name, false);
    if (field == nullptr) return;
    if (!field->is_array()) return Fail(name, "is no list");
    for (const Json& text : *field) {
      if (!text.is_string()) return Fail(name, "holds what is no text");
      values.push_back(text.get<std::string>());
    }
  }

  void TextMap(const char* name, std::map<std::string, std::string>& values) {
    const Json* field = Find(name, false);
    if (field == nullptr) return;
    if (!field->is_object()) return Fail(name, "is no object");
    for (const auto& [key, text] : field->items()) {
      if (!text.is_string()) return Fail(name, "holds what is no text");
      values[key] = text.get<std::string>();
    }
  }

  void Flag(const char* name, bool& value) {
    const Json* field = Find(name, false);
    if (field == nullptr) return;
    if (!field->is_boolean()) return Fail(name, "is neither true nor false");
    value = field->get<bool>();
  }

  // An integer in [low, high].
  template <typename Number>
  void Integer(const char* name, Number& value, int64_t low, int64_t high, bool required = false) {
    const Json* field = Find(name, required);
    if (field == nullptr) return;
    if (!field->is_number_integer()) return Fail(name, "is not an integer");
    // Unsigned ones beyond int64_t would wrap.
    if (field->is_number_unsigned() && field->get<uint64_t>() > static_cast<uint64_t>(high)) {
      return Fail(name, "is out of range");
    }
    const auto number = field->get<int64_t>();
    if (number < low || number > high) return Fail(name, "is out of range");
    value = static_cast<Number>(number);
  }

  const Json* Find(const char* name, bool required) {
    const auto field = object_.find(name);
    if (field != object_.end()) return &*field;
    if (required) Fail(name, "is missing");
    return nullptr;
  }

  void Fail(const char* name, const char* what) {
    if (problem_.empty()) problem_ = absl::StrCat("is wrong: its field '", name, "' ", what);
  }

  const std::string& problem() const { return problem_; }

 private:
  const Json& object_;
  std::string problem_;
};

absl::StatusOr<Json> ParseRecord(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) {
    if (ReasonOf(text.status()) == reason::kFileNotFound) return Broken(path, "is not there");
    return Broken(path, absl::StrCat("can't be read (", text.status().message(), ")"));
  }
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return Broken(path, "is damaged: it is no JSON object");
  int format = 0;
  Fields fields(json);
  fields.Integer("format", format, 1, INT32_MAX, /*required=*/true);
  if (!fields.problem().empty()) return Broken(path, fields.problem());
  if (format > kFormat) return Broken(path, "was written by a newer wslm");
  return json;
}

}  // namespace

absl::Status CheckDistroName(const std::string& name) {
  const bool valid = !name.empty() && name.size() <= 64 && name[0] != '-' && name[0] != '.' &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                              c == '_' || c == '-';
                     });
  if (valid) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidName,
               absl::StrCat("'", Escaped(name.substr(0, 100)),
                            "' can't be a distro's name: it must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with "
                            "'-' or '.'."),
               {{"distro", name}});
}

bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

absl::StatusOr<DistroRecord> ReadRecord(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kRecordFile);
  ASSIGN_OR_RETURN(const Json json, ParseRecord(path));
  DistroRecord record;
  Fields fields(json);
  fields.Text("id", record.id, /*required=*/true);
  fields.Text("name", record.name, /*required=*/true);
  fields.Integer("version", record.version, 1, 2, /*required=*/true);
  fields.Text("default_user", record.default_user);
  fields.Flag("protected", record.is_protected);
  fields.Flag("isolated", record.isolated);
  fields.Text("flavor", record.flavor);
  fields.Text("os_version", record.os_version);
  fields.Integer("create_time_ns", record.create_time_ns, INT64_MIN, INT64_MAX);
  fields.Text("location", record.location);
  fields.Flag("made_location", record.made_location);
  fields.Integer("revision", record.revision, 0, INT64_MAX);
  fields.Text("image_path", record.image_path);
  fields.Text("image_driver", record.image_driver);
  if (const Json* container = fields.Find("container", false); container != nullptr) {
    if (!container->is_object()) fields.Fail("container", "is no object");
    Fields config(*container);
    config.Texts("environment", record.container.environment);
    config.Text("working_dir", record.container.working_dir);
    config.Texts("entrypoint", record.container.entrypoint);
    config.Texts("cmd", record.container.cmd);
    config.Text("user", record.container.user);
    config.Text("stop_signal", record.container.stop_signal);
    config.Texts("exposed_ports", record.container.exposed_ports);
    config.TextMap("labels", record.container.labels);
    if (!config.problem().empty()) fields.Fail("container", "is wrong");
  }
  if (const Json* owner = fields.Find("second_owner", false); owner != nullptr) {
    if (owner->is_object()) {
      // (uint32_t)-1 is no id: Linux takes it for "leave as it is".
      Fields ids(*owner);
      ids.Integer("uid", record.second_owner.uid, 0, UINT32_MAX - 1, /*required=*/true);
      ids.Integer("gid", record.second_owner.gid, 0, UINT32_MAX - 1, /*required=*/true);
      if (!ids.problem().empty()) fields.Fail("second_owner", "is wrong");
    } else {
      fields.Fail("second_owner", "is no object");
    }
  }
  if (!IsUuid(record.id)) fields.Fail("id", "is no UUID");
  if (!CheckDistroName(record.name).ok()) fields.Fail("name", "is not allowed");
  if (!record.location.empty() && record.location[0] != '/') fields.Fail("location", "is not absolute");
  if (!record.image_path.empty() && record.image_path[0] != '/') fields.Fail("image_path", "is not absolute");
  // It comes to be an argument of QEMU's.
  const std::string& driver = record.image_driver;
  if (!driver.empty() && driver != "raw" && driver != "vpc" && driver != "vhdx")
    fields.Fail("image_driver", "is unknown");
  if (!fields.problem().empty()) return Broken(path, fields.problem());
  return record;
}

absl::Status WriteRecord(const std::string& folder, const DistroRecord& record) {
  const std::string path = absl::StrCat(folder, "/", kRecordFile);
  Json json = Json::object();
  if (PathExists(path)) {
    ASSIGN_OR_RETURN(json, ParseRecord(path));
  }
  json["format"] = kFormat;
  json["id"] = record.id;
  json["name"] = record.name;
  json["version"] = record.version;
  json["default_user"] = record.default_user;
  json["protected"] = record.is_protected;
  json["isolated"] = record.isolated;
  if (!json["second_owner"].is_object()) json["second_owner"] = Json::object();
  json["second_owner"]["uid"] = record.second_owner.uid;
  json["second_owner"]["gid"] = record.second_owner.gid;
  json["flavor"] = record.flavor;
  json["os_version"] = record.os_version;
  json["create_time_ns"] = record.create_time_ns;
  json["location"] = record.location;
  json["made_location"] = record.made_location;
  json["revision"] = record.revision;
  json["image_path"] = record.image_path;
  json["image_driver"] = record.image_driver;
  if (!record.container.empty()) {
    json["container"] = {{"environment", record.container.environment},
                         {"working_dir", record.container.working_dir},
                         {"entrypoint", record.container.entrypoint},
                         {"cmd", record.container.cmd},
                         {"user", record.container.user},
                         {"stop_signal", record.container.stop_signal},
                         {"exposed_ports", record.container.exposed_ports},
                         {"labels", record.container.labels}};
  }
  std::string text;
  try {
    text = json.dump(2) + "\n";
  } catch (const Json::exception&) {
    // The library has no other way to say it.
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "The distro's record can't be written: a text in it (a folder's path, for instance) is not UTF-8.");
  }
  return WriteFileAtomically(path, text);
}

}  // namespace wslm
