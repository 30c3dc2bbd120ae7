#include "cli/legacy_spellings.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "cli/run_options.h"

namespace wslm::cli {
namespace {

enum class Place {
  kFirst,    // The first word of all.
  kRunning,  // Before the guest's command line.
  kCommand,  // After the command `command`.
  kManage,   // Behind "--manage NAME"; our command has the name as its first word.
};

struct Spelling {
  Place place;
  std::string_view command;
  std::string_view legacy;
  std::string_view ours;  // Words apart by blanks; none drops the word.
};

constexpr Spelling kSpellings[] = {
    {Place::kFirst, "", "--import", "import"},
    {Place::kFirst, "", "--import-in-place", "import-in-place"},
    {Place::kFirst, "", "--export", "export"},
    {Place::kFirst, "", "--list", "list"},
    {Place::kFirst, "", "-l", "list"},
    {Place::kFirst, "", "--set-version", "set-version"},
    {Place::kFirst, "", "--set-default", "set-default"},
    {Place::kFirst, "", "--setdefault", "set-default"},
    {Place::kFirst, "", "-s", "set-default"},
    {Place::kFirst, "", "--terminate", "terminate"},
    {Place::kFirst, "", "-t", "terminate"},
    {Place::kFirst, "", "--shutdown", "shutdown"},
    {Place::kFirst, "", "--unregister", "unregister"},
    {Place::kFirst, "", "--mount", "mount"},
    {Place::kFirst, "", "--unmount", "unmount"},
    {Place::kFirst, "", "--status", "status"},
    {Place::kFirst, "", "--version", "version"},
    {Place::kFirst, "", "-v", "version"},
    {Place::kFirst, "", "--help", "help"},
    {Place::kFirst, "", "-h", "help"},
    {Place::kFirst, "", "~", "--cd ~"},
    {Place::kManage, "", "--resize", "resize"},
    {Place::kManage, "", "-r", "resize"},
    {Place::kRunning, "", "--distribution", "-d"},
    {Place::kRunning, "", "--distribution-id", "-d"},
    {Place::kRunning, "", "--user", "-u"},
    {Place::kRunning, "", "--exec", "-e"},
    // Every list of ours holds all of them.
    {Place::kCommand, "list", "--all", ""},
    {Place::kCommand, "list", "--verbose", "-v"},
    {Place::kCommand, "list", "--quiet", "-q"},
};

struct Missing {
  std::string_view legacy;
  std::string_view instead;
};

constexpr Missing kMissing[] = {
    {"--install", "'wslm pull NAME IMAGE' makes a distro of a container image, 'wslm import NAME FILE' of an archive."},
    {"--update", "wslm is updated as it was installed."},
    {"--manage",
     "Of what wsl.exe manages there is 'wslm resize NAME SIZE'; a user's name is set by [user] default in "
     "the distro's /etc/wsl.conf."},
    {"--set-default-version", "'wslm import --version 2' chooses the version of one distro."},
    {"--system", "There is no system distro."},
};

const Spelling* Find(Place place, std::string_view command, std::string_view word) {
  for (const Spelling& spelling : kSpellings) {
    if (spelling.place == place && spelling.command == command && spelling.legacy == word) return &spelling;
  }
  return nullptr;
}

void Append(std::string_view ours, std::vector<std::string>& words) {
  for (std::string& word : std::vector<std::string>(absl::StrSplit(std::string(ours), ' ', absl::SkipEmpty())))
    words.push_back(std::move(word));
}

// `--distribution=Debian` is `-d Debian`. Whether the option's value is the next word.
bool AppendRunOption(const std::string& word, std::vector<std::string>& words) {
  const size_t equals = word.find('=');
  const Spelling* spelling = Find(Place::kRunning, "", std::string_view(word).substr(0, equals));
  if (spelling == nullptr) {
    words.push_back(word);
  } else {
    Append(spelling->ours, words);
    if (equals != std::string::npos) {
      words.push_back(word.substr(equals + 1));
      return false;
    }
  }
  return RunOptionTakesNextWord(words.back());
}

}  // namespace

std::string_view InsteadOfLegacy(std::string_view word) {
  for (const Missing& missing : kMissing) {
    if (missing.legacy == word) return missing.instead;
  }
  return "";
}

std::vector<std::string> RewriteLegacySpellings(std::vector<std::string> words, const std::string& home) {
  if (words.empty()) return words;
  if (words.size() > 2 && words[0] == "--manage") {
    if (const Spelling* spelling = Find(Place::kManage, "", words[2])) {
      std::swap(words[1], words[2]);
      words[1] = spelling->ours;
      words.erase(words.begin());
      return words;
    }
  }
  // No program is a folder, so that nothing is taken from anybody.
  if (!home.empty() && words[0] == home) words[0] = "~";
  std::vector<std::string> result;
  size_t next = 0;
  if (const Spelling* first = Find(Place::kFirst, "", words[0])) {
    Append(first->ours, result);
    next = 1;
  }
  if (result.empty() || result[0].starts_with("-")) {
    for (bool is_value = false; next < words.size(); ++next) {
      const std::string& word = words[next];
      if (is_value) {
        result.push_back(word);
        is_value = false;
      } else if (word.size() > 1 && word[0] == '-' && word != "--") {
        is_value = AppendRunOption(word, result);
      } else {
        break;
      }
    }
  }
  const std::string command = result.empty() ? words[next++] : result[0];
  if (result.empty()) result.push_back(command);
  for (; next < words.size(); ++next) {
    const Spelling* spelling = Find(Place::kCommand, command, words[next]);
    if (spelling != nullptr) {
      Append(spelling->ours, result);
    } else {
      result.push_back(words[next]);
    }
  }
  return result;
}

}  // namespace wslm::cli
