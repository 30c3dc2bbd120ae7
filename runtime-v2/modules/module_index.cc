#include "runtime-v2/modules/module_index.h"

#include <elf.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstring>

#include "runtime-v2/modules/module_name.h"

namespace wslm {
namespace {

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

// `line` answers whether to go on.
void ForEachLine(std::string_view text, auto&& line) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!line(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Whether `text`, as it stands in a file, begins like `normal`.
bool BeginsLike(std::string_view text, std::string_view normal) {
  if (text.size() < normal.size()) return false;
  for (size_t i = 0; i < normal.size(); ++i) {
    if (text[i] != normal[i] && !(text[i] == '-' && normal[i] == '_')) return false;
  }
  return true;
}

bool Matches(std::string_view pattern, const std::string& normal) {
  // There are tens of thousands of patterns, nearly all of which differ before their first wildcard.
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*' || c == '?' || c == '[') return ::fnmatch(NormalModuleName(pattern).c_str(), normal.c_str(), 0) == 0;
    if (i >= normal.size() || (c != normal[i] && !(c == '-' && normal[i] == '_'))) return false;
  }
  return pattern.size() == normal.size();
}

// The line of modules.dep for the module `normal`: its path, then what it needs, the nearest first.
std::vector<std::string> DepLine(std::string_view dep, const std::string& normal) {
  std::vector<std::string> words;
  ForEachLine(dep, [&](std::string_view line) {
    const std::string_view path = line.substr(0, line.find(':'));
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (!BeginsLike(name, normal) || !name.substr(normal.size()).starts_with(".ko")) return true;
    words = Split(line, ": ");
    return false;
  });
  return words;
}

std::vector<std::string> NamesByAlias(std::string_view alias, const std::string& normal) {
  constexpr std::string_view kKeyword = "alias ";
  std::vector<std::string> names;
  ForEachLine(alias, [&](std::string_view line) {
    if (!line.starts_with(kKeyword)) return true;
    line.remove_prefix(kKeyword.size());
    const size_t space = line.find(' ');
    if (space != std::string_view::npos && Matches(line.substr(0, space), normal)) {
      names.push_back(NormalModuleName(line.substr(space + 1)));
    }
    return true;
  });
  return names;
}

std::vector<std::string> SoftBeforeOf(std::string_view softdep, const std::string& normal) {
  std::vector<std::string> before;
  ForEachLine(softdep, [&](std::string_view line) {
    const std::vector<std::string> words = Split(line, " ");
    if (words.size() < 3 || words[0] != "softdep" || NormalModuleName(words[1]) != normal) return true;
    for (std::string& name : SoftBefore(line.substr(line.find(words[1]) + words[1].size()))) {
      before.push_back(std::move(name));
    }
    return true;
  });
  return before;
}

void Search(const ModuleTexts& texts, std::string_view name_or_alias, std::set<std::string>& seen,
            std::vector<std::string>& order) {
  const std::string wanted = NormalModuleName(name_or_alias);
  std::vector<std::string> names{wanted};
  if (DepLine(texts.dep, wanted).empty()) names = NamesByAlias(texts.alias, wanted);
  for (const std::string& name : names) {
    if (!seen.insert(name).second) continue;
    for (const std::string& before : SoftBeforeOf(texts.softdep, name)) Search(texts, before, seen, order);
    const std::vector<std::string> paths = DepLine(texts.dep, name);
    for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
      if (std::find(order.begin(), order.end(), *path) == order.end()) order.push_back(*path);
    }
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
  const std::string name = ModuleNameOfPath(path);
  Module& module = modules_[name];
  module.path = path;
  for (const std::string& depends : info.depends) module.depends.push_back(NormalModuleName(depends));
  module.soft_before = info.soft_before;
  for (const std::string& alias : info.aliases) aliases_.emplace_back(NormalModuleName(alias), name);
}

KmodEntries ModuleIndex::DepEntries() const {
  KmodEntries entries;
  for (const auto& [name, module] : modules_) {
    std::string line = module.path + ":";
    std::set<std::string> seen{name};
    std::vector<std::string> order;
    for (const std::string& needed : module.depends) Visit(needed, seen, order);
    // depmod lists the nearest first; who loads goes from the end.
    for (auto path = order.rbegin(); path != order.rend(); ++path) line += " " + *path;
    entries.emplace_back(name, std::move(line));
  }
  return entries;
}

std::string ModuleIndex::DepText() const {
  std::string text;
  for (const auto& [name, line] : DepEntries()) text += line + "\n";
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

std::vector<std::string> ModuleIndex::NamesOf(std::string_view name_or_alias) const {
  const std::string wanted = NormalModuleName(name_or_alias);
  if (modules_.contains(wanted)) return {wanted};
  std::vector<std::string> names;
  for (const auto& [pattern, name] : aliases_) {
    if (Matches(pattern, wanted)) names.push_back(name);
  }
  return names;
}

void ModuleIndex::Visit(const std::string& name, std::set<std::string>& seen, std::vector<std::string>& order) const {
  const auto found = modules_.find(name);
  if (found == modules_.end()) return;
  for (const std::string& before : found->second.soft_before) {
    for (const std::string& match : NamesOf(before)) {
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
  for (const std::string& name : NamesOf(name_or_alias)) {
    if (seen.insert(name).second) Visit(name, seen, order);
  }
  return order;
}

std::vector<std::string> FindLoadOrder(const ModuleTexts& texts, std::string_view name_or_alias) {
  std::vector<std::string> order;
  std::set<std::string> seen;
  Search(texts, name_or_alias, seen, order);
  return order;
}

}  // namespace wslm
