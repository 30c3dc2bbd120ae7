#include "runtime-v2/modules/module_index.h"

#include <elf.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstring>

namespace wslm {
namespace {

// The kernel asks for "nft-chain-1-nat" and for "nft_chain_nat" alike. Inside brackets of a pattern '-' is a range.
std::string Normal(std::string_view text) {
  std::string normal(text);
  bool in_brackets = false;
  for (char& c : normal) {
    if (c == '[') in_brackets = true;
    if (c == ']') in_brackets = false;
    if (c == '-' && !in_brackets) c = '_';
  }
  return normal;
}

std::string NameOfPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return Normal(path.substr(0, path.find(".ko")));
}

std::vector<std::string> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find_first_of(separators);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

// "pre: a b post: c" without what stands after "post:".
std::vector<std::string> SoftBefore(std::string_view value) {
  std::vector<std::string> names;
  bool before = false;
  for (std::string& word : Split(value, " \t")) {
    if (word == "pre:" || word == "post:") {
      before = word == "pre:";
    } else if (before) {
      names.push_back(std::move(word));
    }
  }
  return names;
}

bool ReadStruct(std::string_view bytes, uint64_t offset, void* to, size_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return false;
  std::memcpy(to, bytes.data() + offset, size);
  return true;
}

std::optional<std::string_view> Section(std::string_view elf, std::string_view wanted) {
  Elf64_Ehdr header;
  if (!ReadStruct(elf, 0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return std::nullopt;
  }
  auto section = [&](uint64_t index, Elf64_Shdr& to) {
    return header.e_shoff <= elf.size() && ReadStruct(elf, header.e_shoff + index * sizeof(Elf64_Shdr), &to, sizeof to);
  };
  auto content = [&](const Elf64_Shdr& s) -> std::optional<std::string_view> {
    if (s.sh_offset > elf.size() || s.sh_size > elf.size() - s.sh_offset) return std::nullopt;
    return elf.substr(s.sh_offset, s.sh_size);
  };
  Elf64_Shdr names_header;
  if (!section(header.e_shstrndx, names_header)) return std::nullopt;
  const auto names = content(names_header);
  if (!names) return std::nullopt;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr candidate;
    if (!section(i, candidate)) return std::nullopt;
    if (candidate.sh_name >= names->size()) continue;
    std::string_view name = names->substr(candidate.sh_name);
    if (name.substr(0, name.find('\0')) == wanted) return content(candidate);
  }
  return std::nullopt;
}

void ForEachLine(std::string_view text, auto&& line) {
  for (const std::string& one : Split(text, "\n")) {
    if (one[0] != '#') line(std::string_view(one));
  }
}

}  // namespace

std::optional<ModInfo> ReadModInfo(std::string_view elf) {
  const auto section = Section(elf, ".modinfo");
  if (!section) return std::nullopt;
  ModInfo info;
  for (const std::string& entry : Split(*section, std::string_view("\0", 1))) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = entry.substr(0, equals);
    const std::string value = entry.substr(equals + 1);
    if (key == "depends") {
      info.depends = Split(value, ",");
    } else if (key == "alias") {
      info.aliases.push_back(value);
    } else if (key == "softdep") {
      for (std::string& name : SoftBefore(value)) info.soft_before.push_back(std::move(name));
    }
  }
  return info;
}

void ModuleIndex::Add(const std::string& path, const ModInfo& info) {
  const std::string name = NameOfPath(path);
  Module& module = modules_[name];
  module.path = path;
  for (const std::string& depends : info.depends) module.depends.push_back(Normal(depends));
  module.soft_before = info.soft_before;
  for (const std::string& alias : info.aliases) aliases_.emplace_back(Normal(alias), name);
}

ModuleIndex ModuleIndex::Parse(std::string_view dep, std::string_view alias, std::string_view softdep) {
  ModuleIndex index;
  ForEachLine(dep, [&](std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string path(line.substr(0, colon));
    Module& module = index.modules_[NameOfPath(path)];
    module.path = path;
    for (const std::string& needed : Split(line.substr(colon + 1), " ")) module.depends.push_back(NameOfPath(needed));
  });
  ForEachLine(alias, [&](std::string_view line) {
    const std::vector<std::string> words = Split(line, " ");
    if (words.size() == 3 && words[0] == "alias") index.aliases_.emplace_back(Normal(words[1]), Normal(words[2]));
  });
  ForEachLine(softdep, [&](std::string_view line) {
    const std::vector<std::string> words = Split(line, " ");
    if (words.size() < 3 || words[0] != "softdep") return;
    const auto module = index.modules_.find(Normal(words[1]));
    if (module == index.modules_.end()) return;
    module->second.soft_before = SoftBefore(line.substr(line.find(words[1]) + words[1].size()));
  });
  return index;
}

std::string ModuleIndex::DepText() const {
  std::string text;
  for (const auto& [name, module] : modules_) {
    text += module.path + ":";
    std::set<std::string> seen{name};
    std::vector<std::string> order;
    for (const std::string& needed : module.depends) Visit(needed, seen, order);
    // depmod lists the nearest first; who loads goes from the end.
    for (auto path = order.rbegin(); path != order.rend(); ++path) text += " " + *path;
    text += "\n";
  }
  return text;
}

std::string ModuleIndex::AliasText() const {
  std::string text = "# Aliases extracted from modules themselves.\n";
  for (const auto& [pattern, name] : aliases_) text += "alias " + pattern + " " + name + "\n";
  return text;
}

std::string ModuleIndex::SoftdepText() const {
  std::string text = "# Soft dependencies extracted from modules themselves.\n";
  for (const auto& [name, module] : modules_) {
    if (module.soft_before.empty()) continue;
    text += "softdep " + name + " pre:";
    for (const std::string& before : module.soft_before) text += " " + before;
    text += "\n";
  }
  return text;
}

std::vector<std::string> ModuleIndex::Matches(std::string_view name_or_alias) const {
  const std::string wanted = Normal(name_or_alias);
  if (modules_.contains(wanted)) return {wanted};
  std::vector<std::string> names;
  for (const auto& [pattern, name] : aliases_) {
    // There are tens of thousands of patterns, nearly all of which differ before their first wildcard.
    const size_t literal = std::min(pattern.find_first_of("*?["), pattern.size());
    if (wanted.compare(0, literal, pattern, 0, literal) != 0) continue;
    if (::fnmatch(pattern.c_str(), wanted.c_str(), 0) == 0) names.push_back(name);
  }
  return names;
}

void ModuleIndex::Visit(const std::string& name, std::set<std::string>& seen, std::vector<std::string>& order) const {
  const auto found = modules_.find(name);
  if (found == modules_.end()) return;
  for (const std::string& before : found->second.soft_before) {
    for (const std::string& match : Matches(before)) {
      if (seen.insert(match).second) Visit(match, seen, order);
    }
  }
  for (const std::string& needed : found->second.depends) {
    if (seen.insert(needed).second) Visit(needed, seen, order);
  }
  order.push_back(found->second.path);
}

std::vector<std::string> ModuleIndex::LoadOrder(std::string_view name_or_alias) const {
  std::vector<std::string> order;
  std::set<std::string> seen;
  for (const std::string& name : Matches(name_or_alias)) {
    if (seen.insert(name).second) Visit(name, seen, order);
  }
  return order;
}

}  // namespace wslm
