// The binary indexes in which a distro's own modprobe (kmod) looks modules up; it reads no others.
//
//   WriteFile("modules.alias.bin", KmodIndex({{"fs_ext4", "ext4"}}));
#ifndef WSLM_RUNTIME_V2_MODULES_KMOD_INDEX_H_
#define WSLM_RUNTIME_V2_MODULES_KMOD_INDEX_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wslm {

// Keys (ASCII; patterns with * ? [] in an index of aliases) and values; a key may stand there several times, the first
// counts first.
using KmodEntries = std::vector<std::pair<std::string, std::string>>;

// The bytes of an index file, version 2.1 of the format: a trie with merged nodes, described in kmod's libkmod-index.c.
std::string KmodIndex(const KmodEntries& entries);

// The entries of modules.builtin.bin and modules.builtin.alias.bin from the texts of a kernel package: modules.builtin
// (a path a line) and modules.builtin.modinfo ("ext4.alias=fs-ext4", ended by zero bytes).
KmodEntries BuiltinEntries(std::string_view builtin);
KmodEntries BuiltinAliasEntries(std::string_view builtin_modinfo);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_MODULES_KMOD_INDEX_H_
