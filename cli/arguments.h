// The arguments of a command, declared once for its parser and its help. The parser, CLI11, takes seconds to compile
// and so is included in one file only.
#ifndef WSLM_CLI_ARGUMENTS_H_
#define WSLM_CLI_ARGUMENTS_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace wslm::cli {

// What is bound outlives the parsing.
class Arguments {
 public:
  explicit Arguments(CLI::App& app) : app_(app) {}

  // One word in its place.
  void Word(const std::string& name, std::string& value);
  void OptionalWord(const std::string& name, std::string& value);
  // `least` to `most` of them.
  void Words(const std::string& name, std::vector<std::string>& values, int least, int most);

  void Flag(const std::string& name, bool& value, const std::string& what);
  // "NAME VALUE"; `allowed` empty: every value.
  void Option(const std::string& name, const std::string& value_name, std::string& value, const std::string& what,
              const std::vector<std::string>& allowed = {});
  // Declared for the help alone.
  void DescribeFlag(const std::string& name, const std::string& what);
  void DescribeOption(const std::string& name, const std::string& value_name, const std::string& what);

  // Neither of them beside the other; by their names as declared before.
  void Exclude(const std::string& a, const std::string& b);
  // `a` only beside `b`.
  void Need(const std::string& a, const std::string& b);

 private:
  CLI::App& app_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_ARGUMENTS_H_
