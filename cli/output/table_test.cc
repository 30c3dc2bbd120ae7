#include "cli/output/table.h"

#include <gtest/gtest.h>

#include "cli/output/json.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::cli {
namespace {

v1::Distro MakeDistro(const std::string& name, v1::DistroState state, v1::DistroVersion version, bool is_default) {
  v1::Distro distro;
  distro.set_name(name);
  distro.set_state(state);
  distro.set_version(version);
  distro.set_is_default(is_default);
  return distro;
}

TEST(DistroTable, LooksAsWslsDoes) {
  EXPECT_EQ(FormatDistroTable({MakeDistro("Ubuntu-24.04", v1::DISTRO_STATE_RUNNING, v1::DISTRO_VERSION_2, true),
                               MakeDistro("Debian", v1::DISTRO_STATE_STOPPED, v1::DISTRO_VERSION_1, false)}),
            "  NAME            STATE           VERSION\n"
            "* Ubuntu-24.04    Running         2\n"
            "  Debian          Stopped         1\n");
}

TEST(DistroTable, EscapesNames) {
  EXPECT_EQ(
      FormatDistroTable({MakeDistro("a\x1b[2J", v1::DISTRO_STATE_BROKEN, v1::DISTRO_VERSION_1, false)}).find('\x1b'),
      std::string::npos);
}

TEST(Table, AlignsItsColumns) {
  EXPECT_EQ(FormatTable({"ID", "NAME"}, {{"1", "x"}, {"1234", "\n"}}), "ID     NAME\n1      x\n1234   \\x0A\n");
}

TEST(Json, IsOneDocumentWithEveryFieldByItsOwnName) {
  v1::ListDistrosResponse response;
  EXPECT_EQ(JsonDocument(response), "{\n \"distros\": [],\n \"next_page_token\": \"\"\n}\n");
  *response.add_distros() = MakeDistro("deb", v1::DISTRO_STATE_RUNNING, v1::DISTRO_VERSION_2, true);
  const std::string text = JsonDocument(response);
  EXPECT_NE(text.find("\"is_default\": true"), std::string::npos) << text;
  EXPECT_NE(text.find("\"state\": \"DISTRO_STATE_RUNNING\""), std::string::npos) << text;
}

TEST(Json, OfAStreamIsALineEach) {
  EXPECT_EQ(JsonLine(v1::ListDistrosResponse()), "{\"distros\":[],\"next_page_token\":\"\"}\n");
}

}  // namespace
}  // namespace wslm::cli
