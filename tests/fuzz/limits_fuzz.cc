// Lines of NAME=VALUE, as a configuration gives them.
#include "distros/tree/limits.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::map<std::string, std::string> values;
  for (std::string_view text = fuzz::TextOf(data, size); !text.empty();) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = std::min(line.find('='), line.size());
    values[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
  }
  absl::StatusOr<Limits> limits = ParseLimits(values);
  if (!limits.ok()) return 0;
  FUZZ_CHECK(limits->entries > 0 && limits->total_bytes > 0 && limits->name_bytes <= 255);
  // As large as can be, and one that fits where there is room for it.
  for (const int64_t size : {INT64_MAX, int64_t{1000}}) {
    limits->free_bytes = 500;
    LimitChecker checker(*limits);
    const Entry entry{.path = "a/bc", .size = size, .xattrs = {{"user.a", "value"}}};
    for (int i = 0; i < 3; ++i) checker.Begin(entry).IgnoreError();
    FUZZ_CHECK(!checker.Begin({.path = "sparse", .size = size, .extents = {{{0, 1}, {100, 1000}}}}).ok());
    checker.Begin({.path = "b", .hard_link_to = "a/bc"}).IgnoreError();
    checker.Write({.offset = 0, .bytes = "content"}, 1).IgnoreError();
  }
  return 0;
}
