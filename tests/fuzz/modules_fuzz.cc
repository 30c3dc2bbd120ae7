// The first byte chooses: a module's ELF file through all that is made of it, depmod's texts, or a kernel package's.
#include "runtime-v2/modules/module_index.h"
#include "runtime-v2/modules/module_name.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::TextOf(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const std::optional<ModInfo> info = ReadModInfo(bytes);
      if (!info) return 0;
      ModuleIndex index;
      index.Add("kernel/a.ko", *info);
      for (const std::string& name : info->depends) index.Add("kernel/" + name + ".ko", {.depends = {"a"}});
      index.Add("kernel/b.ko", *info);
      FUZZ_CHECK(index.LoadOrder("a").size() <= info->depends.size() + 2);
      KmodIndex(index.DepEntries());
      KmodIndex(index.AliasEntries());
      const std::string dep = index.DepText(), alias = index.AliasText(), softdep = index.SoftdepText();
      FindLoadOrder({dep, alias, softdep}, "a");
      return 0;
    }
    case 1: {
      const size_t first = std::min(bytes.find('\0'), bytes.size());
      const size_t second = std::min(bytes.find('\0', first + 1), bytes.size());
      const ModuleTexts texts = {bytes.substr(0, first), bytes.substr(first, second - first), bytes.substr(second)};
      for (const char* name : {"ext4", "fs-ext4", "virtio:d00000001v1", "a"}) FindLoadOrder(texts, name);
      return 0;
    }
    default:
      KmodIndex(BuiltinEntries(bytes));
      KmodIndex(BuiltinAliasEntries(bytes));
      return 0;
  }
}
