#include "cli/output/json.h"

#include "google/protobuf/util/json_util.h"

namespace wslm::cli {
namespace {

std::string ToJson(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = indented;
  std::string text;
  // Our messages hold no Any of a foreign type but in an operation's error, whose types are linked in.
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "{}\n";
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace

std::string JsonDocument(const google::protobuf::Message& message) { return ToJson(message, true); }
std::string JsonLine(const google::protobuf::Message& message) { return ToJson(message, false); }

}  // namespace wslm::cli
