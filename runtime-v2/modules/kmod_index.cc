#include "runtime-v2/modules/kmod_index.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "runtime-v2/modules/module_name.h"

namespace wslm {
namespace {

constexpr uint32_t kMagic = 0xB007F457;
constexpr uint32_t kVersion = 0x00020001;
// In a node's offset: which of its parts are there.
constexpr uint32_t kHasPrefix = 0x80000000;
constexpr uint32_t kHasValues = 0x40000000;
constexpr uint32_t kHasChildren = 0x20000000;

struct Entry {
  std::string_view key;
  std::string_view value;
  uint32_t priority;
};
using Iterator = std::vector<Entry>::const_iterator;

void AppendNumber(uint32_t number, std::string& bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
}

// Appends the node of [begin, end), sorted by key, all alike in their first `depth` characters, behind its children.
// Answers its offset with the flags.
uint32_t AppendNode(Iterator begin, Iterator end, size_t depth, std::string& bytes) {
  // Sorted: what the first and the last have in common, all have.
  const std::string_view first = begin->key.substr(depth);
  const std::string_view last = std::prev(end)->key.substr(depth);
  const auto differs = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  const std::string_view prefix = first.substr(0, static_cast<size_t>(differs - first.begin()));
  const size_t next = depth + prefix.size();
  Iterator child = begin;
  while (child != end && child->key.size() == next) ++child;
  const Iterator values_end = child;
  std::map<unsigned char, uint32_t> children;
  while (child != end) {
    const char letter = child->key[next];
    const Iterator group_end = std::find_if(child, end, [&](const Entry& entry) { return entry.key[next] != letter; });
    children[static_cast<unsigned char>(letter)] = AppendNode(child, group_end, next + 1, bytes);
    child = group_end;
  }
  uint32_t offset = static_cast<uint32_t>(bytes.size());
  if (!prefix.empty()) {
    offset |= kHasPrefix;
    bytes.append(prefix) += '\0';
  }
  if (!children.empty()) {
    offset |= kHasChildren;
    const unsigned low = children.begin()->first;
    const unsigned high = children.rbegin()->first;
    bytes += static_cast<char>(low);
    bytes += static_cast<char>(high);
    for (unsigned letter = low; letter <= high; ++letter) {
      const auto found = children.find(static_cast<unsigned char>(letter));
      AppendNumber(found == children.end() ? 0 : found->second, bytes);
    }
  }
  if (begin != values_end) {
    offset |= kHasValues;
    AppendNumber(static_cast<uint32_t>(values_end - begin), bytes);
    for (Iterator entry = begin; entry != values_end; ++entry) {
      AppendNumber(entry->priority, bytes);
      bytes.append(entry->value) += '\0';
    }
  }
  return offset;
}

bool IsIndexable(std::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) { return c > 0; });
}

}  // namespace

std::string KmodIndex(const KmodEntries& entries) {
  std::vector<Entry> sorted;
  for (const auto& [key, value] : entries) {
    if (IsIndexable(key)) sorted.push_back({key, value, static_cast<uint32_t>(sorted.size())});
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  std::string bytes;
  AppendNumber(kMagic, bytes);
  AppendNumber(kVersion, bytes);
  // The root's offset, known at the end. An index of nothing has a root of nothing.
  AppendNumber(0, bytes);
  uint32_t root = static_cast<uint32_t>(bytes.size());
  if (!sorted.empty()) root = AppendNode(sorted.begin(), sorted.end(), 0, bytes);
  std::string number;
  AppendNumber(root, number);
  return bytes.replace(2 * sizeof(uint32_t), sizeof(uint32_t), number);
}

KmodEntries BuiltinEntries(std::string_view builtin) {
  KmodEntries entries;
  while (!builtin.empty()) {
    const size_t end = std::min(builtin.find('\n'), builtin.size());
    if (end > 0) entries.emplace_back(ModuleNameOfPath(builtin.substr(0, end)), "");
    builtin.remove_prefix(std::min(end + 1, builtin.size()));
  }
  return entries;
}

KmodEntries BuiltinAliasEntries(std::string_view builtin_modinfo) {
  constexpr std::string_view kKey = ".alias=";
  KmodEntries entries;
  while (!builtin_modinfo.empty()) {
    const size_t end = std::min(builtin_modinfo.find('\0'), builtin_modinfo.size());
    const std::string_view record = builtin_modinfo.substr(0, end);
    const size_t dot = record.find('.');
    if (dot != std::string_view::npos && record.substr(dot).starts_with(kKey)) {
      entries.emplace_back(NormalModuleName(record.substr(dot + kKey.size())), NormalModuleName(record.substr(0, dot)));
    }
    builtin_modinfo.remove_prefix(std::min(end + 1, builtin_modinfo.size()));
  }
  return entries;
}

}  // namespace wslm
