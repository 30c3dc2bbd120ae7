#include "runtime-v2/host/vm_record.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "nlohmann/json.hpp"

namespace wslm {
namespace {

using Json = nlohmann::json;

// In the order of VmStart.
constexpr const char* kStartNames[] = {"booted", "restoring", "restored"};

// Behind the number of a port.
constexpr char kUdp[] = "/udp";

bool IsNumber(const Json& object, const char* key) { return object.contains(key) && object[key].is_number_integer(); }
bool IsText(const Json& object, const char* key) { return object.contains(key) && object[key].is_string(); }

Json ToJson(const VmSharedDisk& disk) {
  return {{"slot", disk.disk.slot},
          {"wwid", disk.disk.wwid},
          {"source", disk.shown.source},
          {"format", disk.shown.format},
          {"type", disk.shown.type},
          {"options", disk.shown.options},
          {"partition", disk.shown.partition},
          {"bare", disk.shown.bare},
          {"device", disk.shown.device},
          {"read_only", disk.shown.read_only},
          {"mounted", disk.mounted}};
}

bool FromJson(const std::string& name, const Json& json, VmSharedDisk& disk) {
  if (!json.is_object() || !IsNumber(json, "slot") || !IsNumber(json, "partition")) return false;
  for (const char* key : {"wwid", "source", "format", "type", "options", "device"}) {
    if (!IsText(json, key)) return false;
  }
  for (const char* key : {"bare", "read_only", "mounted"}) {
    if (!json.contains(key) || !json[key].is_boolean()) return false;
  }
  disk = {.disk = {.slot = json["slot"].get<int>(), .wwid = json["wwid"].get<std::string>(), .image = json["source"]},
          .shown = {.name = name,
                    .source = json["source"].get<std::string>(),
                    .format = json["format"].get<std::string>(),
                    .type = json["type"].get<std::string>(),
                    .options = json["options"].get<std::string>(),
                    .partition = json["partition"].get<uint32_t>(),
                    .bare = json["bare"].get<bool>(),
                    .device = json["device"].get<std::string>(),
                    .read_only = json["read_only"].get<bool>()},
          .mounted = json["mounted"].get<bool>()};
  return true;
}

}  // namespace

std::string VmRecord::ToJson() const {
  Json json = {{"pid", pid},
               {"start_time", start_time},
               {"accelerator", accelerator},
               {"accelerator_reason", accelerator_reason},
               {"passt", passt},
               {"network_reason", network_reason},
               {"start", kStartNames[static_cast<size_t>(start)]},
               {"machine", machine},
               {"memory_mib", memory_mib},
               {"processors", processors},
               {"modules_image", modules_image},
               {"swap", swap},
               {"disks", Json::object()},
               {"shared_disks", Json::object()},
               {"forwards", Json::object()}};
  for (const auto& [name, disk] : shared_disks) json["shared_disks"][name] = wslm::ToJson(disk);
  for (const auto& [id, disk] : disks) {
    json["disks"][id] = {{"slot", disk.slot}, {"wwid", disk.wwid}, {"image", disk.image}, {"driver", disk.driver}};
  }
  for (const auto& [port, end] : forwards) {
    Json& entry = json["forwards"][std::to_string(port.number) + (port.udp ? kUdp : "")];
    // As it was written before there were ends of other numbers; those are on the loopback.
    entry = end.loopback;
    if (end.number != port.number) entry = end.number;
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<VmRecord> VmRecord::FromJson(const std::string& text) {
  const absl::Status malformed =
      Error(absl::StatusCode::kInternal, reason::kInternal, "The record of the running VM is malformed.");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !IsNumber(json, "pid") || !IsNumber(json, "start_time") || !IsText(json, "accelerator") ||
      !IsText(json, "accelerator_reason") || !json.contains("disks") || !json["disks"].is_object()) {
    return malformed;
  }
  VmRecord record{.pid = json["pid"].get<pid_t>(),
                  .start_time = json["start_time"].get<uint64_t>(),
                  .accelerator = json["accelerator"].get<std::string>(),
                  .accelerator_reason = json["accelerator_reason"].get<std::string>()};
  for (const auto& [id, disk] : json["disks"].items()) {
    if (!disk.is_object() || !IsNumber(disk, "slot") || !IsText(disk, "wwid")) return malformed;
    record.disks[id] = {.slot = disk["slot"].get<int>(),
                        .wwid = disk["wwid"].get<std::string>(),
                        .image = IsText(disk, "image") ? disk["image"].get<std::string>() : "",
                        .driver = IsText(disk, "driver") ? disk["driver"].get<std::string>() : "raw"};
  }
  // A wslm before there was that wrote none.
  if (IsText(json, "machine") && IsNumber(json, "memory_mib") && IsNumber(json, "processors") &&
      IsText(json, "modules_image") && json.contains("swap") && json["swap"].is_boolean()) {
    record.machine = json["machine"].get<std::string>();
    record.memory_mib = json["memory_mib"].get<int64_t>();
    record.processors = json["processors"].get<int>();
    record.modules_image = json["modules_image"].get<std::string>();
    record.swap = json["swap"].get<bool>();
  }
  // What comes now a wslm before there was that wrote nothing of.
  if (json.contains("passt") && json["passt"].is_boolean()) record.passt = json["passt"].get<bool>();
  if (IsText(json, "network_reason")) record.network_reason = json["network_reason"].get<std::string>();
  if (json.contains("shared_disks")) {
    for (const auto& [name, disk] : json["shared_disks"].items()) {
      if (!wslm::FromJson(name, disk, record.shared_disks[name])) return malformed;
    }
  }
  const std::string start = IsText(json, "start") ? json["start"].get<std::string>() : kStartNames[0];
  const auto name = std::find(std::begin(kStartNames), std::end(kStartNames), start);
  if (name == std::end(kStartNames)) return malformed;
  record.start = static_cast<VmStart>(name - std::begin(kStartNames));
  if (!json.contains("forwards")) return record;
  if (!json["forwards"].is_object()) return malformed;
  for (const auto& [port, end] : json["forwards"].items()) {
    absl::string_view digits = port;
    const bool udp = absl::ConsumeSuffix(&digits, kUdp);
    uint32_t number = 0;
    if (!absl::SimpleAtoi(digits, &number) || number > UINT16_MAX) return malformed;
    VmPortEnd& entry = record.forwards[{.number = static_cast<uint16_t>(number), .udp = udp}];
    if (end.is_boolean()) {
      entry = {.loopback = end.get<bool>(), .number = static_cast<uint16_t>(number)};
    } else if (end.is_number_integer() && end.get<int64_t>() > 0 && end.get<int64_t>() <= UINT16_MAX) {
      entry = {.loopback = true, .number = end.get<uint16_t>()};
    } else {
      return malformed;
    }
  }
  return record;
}

}  // namespace wslm
