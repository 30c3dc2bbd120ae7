// Bytes as a file of SQLite's, made by whoever damaged it: the first byte chooses the side store of lxfs or the
// daemon's index.
#include <fstream>
#include <string>

#include "distros/lxfs/side_database.h"
#include "distros/lxfs/side_key.h"
#include "distros/registry/index.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

namespace {

void Put(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// As a check goes over it, then as a distro that runs.
void TheSideStore(const std::string& folder, std::string_view bytes) {
  const std::string path = folder + "/metadata.db";
  Put(path, bytes);
  if (const auto opened = SideDatabase::OpenToRead(path); opened.ok()) {
    SideDatabase& database = **opened;
    database.ReadAll().status().IgnoreError();
    database.ReadWhatIsLeft();
    database.ReadXattrs().status().IgnoreError();
    database.Root().status().IgnoreError();
    database.Damage().status().IgnoreError();
    database.ImpossibleRecords().status().IgnoreError();
    database.CopyTo(folder + "/copy.db").IgnoreError();
  }
  SideDatabase::Open(path, SideDatabase::Access::kReadImmutable).status().IgnoreError();
  const auto opened = SideDatabase::Open(path, SideDatabase::Access::kWrite);
  if (!opened.ok()) return;
  SideDatabase& database = **opened;
  const SideKey root{.inode = 2, .birth_ns = 3, .generation = 4};
  if (database.SetRoot(root).ok()) {
    const auto read = database.Root();
    if (read.ok()) FUZZ_CHECK(read->has_value());
  }
  const SideRecord record{.birth_ns = 1, .generation = 2, .attributes = {.mode = 0100644, .uid = 5}};
  const SideXattrs xattrs{.birth_ns = 1, .generation = 2, .xattrs = {{"user.a", "b"}}};
  database.Write({{7, record}}, {}).IgnoreError();
  database.Write({{7, std::nullopt}, {8, record}}, {{8, xattrs}, {9, std::nullopt}}).IgnoreError();
  database.Sync().IgnoreError();
}

void TheIndex(const std::string& folder, std::string_view bytes) {
  Put(folder + "/index.db", bytes);
  const auto opened = Index::Open(folder);
  // However it is damaged, there is one again.
  FUZZ_CHECK(opened.ok());
  Index& index = **opened;
  index.Setting("default");
  index.Names();
  index.Journal();
  if (index.SetSetting("default", "value").ok()) FUZZ_CHECK(index.Setting("default") == "value");
  if (index.SetNames({{"id", "name"}}).ok()) FUZZ_CHECK(index.Names().size() == 1);
  if (index.WriteJournal({"id", "body", false}).ok()) FUZZ_CHECK(!index.Journal().empty());
  index.WriteJournal({"id", "end", true}).IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  if (size == 0) return 0;
  (data[0] % 2 == 0 ? TheSideStore : TheIndex)(folder.path(), fuzz::TextOf(data + 1, size - 1));
  folder.Clear();
  return 0;
}
