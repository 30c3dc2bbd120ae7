// An API message as JSON: proto3's mapping with the original field names, every field that is not optional.
#ifndef WSLM_CLI_OUTPUT_JSON_H_
#define WSLM_CLI_OUTPUT_JSON_H_

#include <string>

#include "google/protobuf/message.h"

namespace wslm::cli {

// Indented, over several lines, with a newline at its end.
std::string JsonDocument(const google::protobuf::Message& message);
// On one line, with a newline at its end.
std::string JsonLine(const google::protobuf::Message& message);

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_JSON_H_
