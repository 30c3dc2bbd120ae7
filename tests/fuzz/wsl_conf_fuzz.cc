#include "distros/config/start_settings.h"
#include "distros/config/wsl_conf.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::TextOf(data, size);
  for (const char* key : {"default", "command", "systemd"}) {
    const auto value = WslConfValue(text, "user", key);
    if (value) FUZZ_CHECK(value->size() <= text.size());
  }
  const StartSettings settings = ReadStartSettings(text);
  FUZZ_CHECK(!settings.host_folder.empty() && settings.host_folder.front() == '/');
  FUZZ_CHECK(settings.host_folder == "/" || settings.host_folder.back() != '/');
  return 0;
}
