#include "distros/oci/json_document.h"

#include "distros/host/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(JsonDocument, TypedFieldsAreTakenAndTheFirstWrongOneIsTold) {
  const Json json = *ParseDocument(R"({"t":"x","n":5,"l":["a","b"],"s":"one","m":{"k":"v"},"z":null,"w":[1]})", "it");
  Fields fields(json, "it");
  std::string text;
  int64_t number = 0;
  std::vector<std::string> list;
  std::vector<std::string> single;
  std::map<std::string, std::string> map;
  fields.Text("t", text, true);
  fields.Integer("n", number, true);
  fields.Texts("l", list);
  fields.Texts("s", single);
  fields.TextMap("m", map);
  fields.Text("z", text);
  fields.Text("missing", text);
  EXPECT_TRUE(fields.status().ok());
  EXPECT_EQ(text, "x");
  EXPECT_EQ(number, 5);
  EXPECT_THAT(list, ElementsAre("a", "b"));
  EXPECT_THAT(single, ElementsAre("one"));
  EXPECT_EQ(map.at("k"), "v");
  fields.Texts("w", list);
  fields.Text("n", text);
  EXPECT_EQ(ReasonOf(fields.status()), reason::kCorruptSource);
  EXPECT_THAT(std::string(fields.status().message()), HasSubstr("its field 'w' is not a text"));
}

TEST(JsonDocument, BracketsInTextsDoNotCount) {
  EXPECT_TRUE(ParseDocument("[\"" + std::string(1000, '[') + "\\\"[\"]", "it").ok());
  EXPECT_FALSE(ParseDocument(std::string(40, '[') + std::string(40, ']'), "it").ok());
}

TEST(JsonDocument, ZeroBytesAndNumbersOutOfRangeAreWrong) {
  const Json json = *ParseDocument(R"({"t":"a\u0000b","n":-1,"big":18446744073709551615,"float":1e300})", "it");
  for (const char* field : {"n", "big", "float", "t"}) {
    Fields fields(json, "it");
    int64_t number = 0;
    fields.Integer(field, number);
    EXPECT_FALSE(fields.status().ok()) << field;
  }
  Fields fields(json, "it");
  std::string text;
  fields.Text("t", text);
  EXPECT_FALSE(fields.status().ok());
}

}  // namespace
}  // namespace wslm
