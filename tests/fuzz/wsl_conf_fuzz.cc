#include <algorithm>

#include "distros/config/config_file.h"
#include "distros/config/user_config.h"
#include "distros/config/wsl_conf.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

namespace {

constexpr size_t kMostWarnings = 21;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::TextOf(data, size);
  const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const ConfigEntry& entry : ParseConfigFile(text, "F").entries) {
    FUZZ_CHECK(entry.key.size() + entry.value.size() <= text.size() + 1);
    FUZZ_CHECK(entry.line >= 1 && entry.line <= lines);
  }
  const WslConf conf = ReadWslConf(text);
  FUZZ_CHECK(!conf.host_folder.empty() && conf.host_folder.front() == '/');
  FUZZ_CHECK(conf.host_folder == "/" || conf.host_folder.back() != '/');
  FUZZ_CHECK(conf.hostname.size() <= 64);
  FUZZ_CHECK(conf.warnings.size() <= kMostWarnings);
  DrvfsOptions again;
  FUZZ_CHECK(ReadDrvfsOptions(DrvfsOptionsText(conf.drvfs), again).empty());
  again.read_only = conf.drvfs.read_only;
  FUZZ_CHECK(again == conf.drvfs);
  const UserConfig config = ReadUserConfig(text, "F");
  FUZZ_CHECK(config.warnings.size() <= kMostWarnings);
  FUZZ_CHECK(!config.processors || *config.processors >= 1);
  FUZZ_CHECK(config.memory.value_or(0) >= 0 && config.swap.value_or(0) >= 0);
  return 0;
}
