// Which kernel modules there are and what each needs: made on the host from the modules' own .modinfo (a package has no
// modules.dep; depmod would make it at installation), written as depmod's text files, searched by the agent.
//
//   ModuleIndex index;
//   index.Add("kernel/fs/ext4/ext4.ko", *ReadModInfo(bytes));
//   index.LoadOrder("ext4");   // {"kernel/fs/mbcache.ko", ..., "kernel/fs/ext4/ext4.ko"}
//   FindLoadOrder({index.DepText(), index.AliasText(), index.SoftdepText()}, "ext4");   // the same
//
// Not thread-safe. Nothing here does input or output.
#ifndef WSLM_RUNTIME_V2_MODULES_MODULE_INDEX_H_
#define WSLM_RUNTIME_V2_MODULES_MODULE_INDEX_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-v2/modules/kmod_index.h"

namespace wslm {

// What a module says of itself.
struct ModInfo {
  std::vector<std::string> depends;      // names
  std::vector<std::string> aliases;      // patterns with * and ?
  std::vector<std::string> soft_before;  // names or aliases to load first where they exist ("softdep=pre: ...")
};

// From the bytes of a .ko file (ELF64, little endian); nullopt when it has no .modinfo that can be read.
std::optional<ModInfo> ReadModInfo(std::string_view elf);

class ModuleIndex {
 public:
  // `path` is relative to /lib/modules/RELEASE.
  void Add(const std::string& path, const ModInfo& info);

  // The entries of modules.dep.bin and modules.alias.bin.
  KmodEntries DepEntries() const;
  const KmodEntries& AliasEntries() const { return aliases_; }

  // depmod's text files.
  std::string DepText() const;
  std::string AliasText() const;
  std::string SoftdepText() const;

  // Paths to load, each after what it needs, for a module's name or for something that its alias matches; several
  // modules may match. Empty when there is none (or when it is built in).
  std::vector<std::string> LoadOrder(std::string_view name_or_alias) const;

 private:
  struct Module {
    std::string path;
    std::vector<std::string> depends;
    std::vector<std::string> soft_before;
  };
  std::vector<std::string> NamesOf(std::string_view name_or_alias) const;
  void Visit(const std::string& name, std::set<std::string>& seen, std::vector<std::string>& order) const;

  std::map<std::string, Module> modules_;  // by name
  KmodEntries aliases_;                    // pattern and name
};

// depmod's text files (modules.dep, modules.alias, modules.softdep), whoever wrote them.
struct ModuleTexts {
  std::string_view dep;
  std::string_view alias;
  std::string_view softdep;
};

// ModuleIndex::LoadOrder by a search of the texts: to take them all in would cost an emulated processor half a second,
// and the kernel asks for modules one at a time.
std::vector<std::string> FindLoadOrder(const ModuleTexts& texts, std::string_view name_or_alias);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_MODULES_MODULE_INDEX_H_
