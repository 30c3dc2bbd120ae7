// A tree from text: "PATH>TARGET" is a symlink, "PATH=PATH" a hard link, "PATH:" a file with what follows until the
// next NUL, all else a file's name; parts end with NUL.
#include "distros/registry/image_facts.h"
#include "distros/tree/entry.h"
#include "tests/fuzz/checking_sink.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::CheckingSink sink;
  FactsFilter filter(sink);
  for (std::string_view text = fuzz::TextOf(data, size); !text.empty();) {
    const size_t end = std::min(text.find('\0'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t mark = std::min(part.find_first_of(">=:"), part.size());
    const std::string_view rest = part.substr(std::min(mark + 1, part.size()));
    Entry entry{.path = std::string(part.substr(0, mark)), .mode = 0644};
    const char kind = mark < part.size() ? part[mark] : ':';
    if (kind == '>') {
      entry.type = FileType::kSymlink;
      entry.symlink_target = rest;
    } else if (kind == '=') {
      entry.hard_link_to = rest;
    }
    entry.size = kind == ':' ? static_cast<int64_t>(rest.size()) : 0;
    if (!CheckEntry(entry).ok()) continue;
    filter.Begin(entry).IgnoreError();
    if (kind == ':' && !rest.empty()) filter.Write({0, rest}).IgnoreError();
    filter.End().IgnoreError();
  }
  filter.Commit().IgnoreError();
  const ImageFacts facts = filter.facts();
  FUZZ_CHECK(facts.flavor.size() <= 64 && facts.os_version.size() <= 64 && facts.wsl_default_user.size() <= 32);
  for (const std::string* text : {&facts.flavor, &facts.os_version, &facts.wsl_default_user}) {
    for (const char c : *text) FUZZ_CHECK(c > ' ' && c < 0x7F);
  }
  FUZZ_CHECK(facts.passwd.size() <= 64 << 10);
  for (const uint32_t uid : {0, 1000}) {
    const std::optional<std::string> name = AccountNameOf(facts.passwd, uid);
    if (name) FUZZ_CHECK(!name->empty() && name->size() <= 32 && name->find_first_of(":/\n ") == std::string::npos);
  }
  return 0;
}
