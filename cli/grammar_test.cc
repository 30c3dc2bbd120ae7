#include "cli/grammar.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace wslm::cli {
namespace {

const std::vector<std::string> kCommands = {"run", "import", "list", "terminate", "op list", "op watch", "status"};

// "command|words", with a mark for a short run.
std::string Read(const std::string& line) {
  const CommandLine read =
      ReadCommandLine(std::vector<std::string>(absl::StrSplit(line, ' ', absl::SkipEmpty())), kCommands);
  return absl::StrCat(read.short_run ? "~" : "", read.command, "|", absl::StrJoin(read.words, " "));
}

TEST(Grammar, TheFirstWordIsACommandIfItIsOne) {
  EXPECT_EQ(Read("list"), "list|");
  EXPECT_EQ(Read("import deb f.tar --version 2"), "import|deb f.tar --version 2");
  EXPECT_EQ(Read("run -- list"), "run|-- list");
  EXPECT_EQ(Read("op list --json"), "op list|--json");
}

TEST(Grammar, ElseItIsTheGuestsProgram) {
  EXPECT_EQ(Read("ls list"), "~run|ls list");
  EXPECT_EQ(Read("./list"), "~run|./list");
  EXPECT_EQ(Read("List"), "~run|List");
  EXPECT_EQ(Read(""), "~run|");
}

TEST(Grammar, AfterAnOptionOfARunAllIsTheGuests) {
  EXPECT_EQ(Read("-d deb list"), "~run|-d deb list");
  EXPECT_EQ(Read("-u ann list"), "~run|-u ann list");
  EXPECT_EQ(Read("--cd / list"), "~run|--cd / list");
  EXPECT_EQ(Read("-e list"), "~run|-e list");
  EXPECT_EQ(Read("-- list"), "~run|-- list");
}

TEST(Grammar, AFamilyWithoutItsSecondWordIsNoProgramOfTheGuests) {
  EXPECT_EQ(Read("op"), "op|");
  EXPECT_EQ(Read("op foo"), "op|foo");
}

TEST(Grammar, AMistypedCommandIsRecognized) {
  EXPECT_EQ(CloseCommand("improt", kCommands), "import");
  EXPECT_EQ(CloseCommand("lst", kCommands), "list");
  EXPECT_EQ(CloseCommand("termniate", kCommands), "terminate");
  EXPECT_EQ(CloseCommand("ls", kCommands), "") << "a program everybody has";
  EXPECT_EQ(CloseCommand("rm", kCommands), "");
  EXPECT_EQ(CloseCommand("gcc", kCommands), "");
}

}  // namespace
}  // namespace wslm::cli
