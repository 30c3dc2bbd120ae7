// Small things done with text: files read whole, words for a shell, names for a person. Thread-safe.
#ifndef WSLM_RUNTIME_V1_INIT_TEXT_H_
#define WSLM_RUNTIME_V1_INIT_TEXT_H_

#include <string>
#include <string_view>

namespace wslm::init {

// The file's content; empty when it can't be read, is no regular file or is larger than 4 MiB.
std::string ReadTextFile(const std::string& path);

// One word of a POSIX shell that means exactly `text`.
std::string ShellQuoted(std::string_view text);

// `text` with control bytes, backslashes and what is not UTF-8 as \xNN.
std::string Escaped(std::string_view text);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_TEXT_H_
