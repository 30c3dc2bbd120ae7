#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <fstream>

#include "runtime-v1/init/p9/server.h"
#include "tests/fuzz/fuzz.h"

using namespace wslm;

namespace {

constexpr size_t kFids = 32;

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// A client may have taken its own rights away.
void MakeRemovable(const std::filesystem::path& folder) {
  ::chmod(folder.c_str(), 0700);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory() && !entry.is_symlink()) MakeRemovable(entry.path());
  }
}

// What is served lies in "root"; nothing of what lies beside it may be seen or changed.
void MakeTree(const fuzz::ScratchFolder& scratch) {
  const std::string root = scratch.path() + "/root";
  std::filesystem::create_directories(root + "/d/e");
  Write(root + "/f", "content of a file");
  Write(root + "/d/g", "");
  std::filesystem::create_symlink("../outside", root + "/out");
  std::filesystem::create_symlink("f", root + "/l");
  FUZZ_CHECK(::mkfifo((root + "/p").c_str(), 0600) == 0);
  Write(scratch.path() + "/outside", "secret-of-the-host");
}

}  // namespace

// The input is a connection's bytes, less each message's size field, which is put in front of it: {size: 1 byte, type,
// tag, …}. The tree is made anew for each.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder scratch;
  MakeRemovable(scratch.path());
  scratch.Clear();
  MakeTree(scratch);
  std::string_view rest = fuzz::TextOf(data, size);
  p9::Server server(UniqueFd(::open((scratch.path() + "/root").c_str(), O_PATH | O_DIRECTORY)), {.fids = kFids});
  while (!rest.empty()) {
    const size_t length = std::min<size_t>(static_cast<uint8_t>(rest[0]), rest.size() - 1);
    const std::string_view body = rest.substr(1, length);
    rest.remove_prefix(1 + length);
    p9::Writer message;
    message.Begin(0, 0);
    std::string bytes = message.Take().substr(0, 4);
    bytes += body;
    bytes[0] = static_cast<char>(bytes.size());
    const std::string answer = server.Handle(bytes);
    if (answer.empty()) break;
    p9::Reader read(answer);
    FUZZ_CHECK(read.U32() == answer.size());
    FUZZ_CHECK(answer.size() <= std::max<size_t>(server.largest(), p9::kSmallestMessage) + PATH_MAX);
    FUZZ_CHECK(answer.find("secret-of-the-host") == std::string::npos);
  }
  // Nothing beside the root changed, whatever was moved or linked in it.
  std::string secret;
  std::ifstream(scratch.path() + "/outside") >> secret;
  FUZZ_CHECK(secret == "secret-of-the-host");
  FUZZ_CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 2);
  return 0;
}
