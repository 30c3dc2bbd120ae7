#include "distros/registry/record.h"

#include <nlohmann/json.hpp>
#include <set>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/test_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::HasSubstr;

constexpr char kId[] = "0f7c1c6e-5d3b-4f0e-9a55-3d2c1b0a9f8e";

DistroRecord FullRecord() {
  DistroRecord record;
  record.id = kId;
  record.name = "Debian-12";
  record.version = 2;
  record.default_user = "ann";
  record.is_protected = true;
  record.isolated = true;
  record.second_owner = {1001, 4294967294};
  record.flavor = "debian";
  record.os_version = "12";
  record.create_time_ns = 1'700'000'000'123'456'789;
  record.location = "/somewhere/ä";
  record.made_location = true;
  record.container = {.environment = {"PATH=/bin"},
                      .working_dir = "/srv",
                      .entrypoint = {"/entry"},
                      .cmd = {"a", "b"},
                      .user = "1000:1000",
                      .stop_signal = "SIGQUIT",
                      .exposed_ports = {"80/tcp"},
                      .labels = {{"k", "v"}}};
  record.revision = 7;
  return record;
}

TEST(Record, WhatIsWrittenIsRead) {
  const TestFolder folder;
  const DistroRecord written = FullRecord();
  ASSERT_TRUE(WriteRecord(folder.path(), written).ok());
  const absl::StatusOr<DistroRecord> record = ReadRecord(folder.path());
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->id, written.id);
  EXPECT_EQ(record->name, written.name);
  EXPECT_EQ(record->version, written.version);
  EXPECT_EQ(record->default_user, written.default_user);
  EXPECT_EQ(record->is_protected, written.is_protected);
  EXPECT_EQ(record->isolated, written.isolated);
  EXPECT_EQ(record->second_owner.uid, written.second_owner.uid);
  EXPECT_EQ(record->second_owner.gid, written.second_owner.gid);
  EXPECT_EQ(record->flavor, written.flavor);
  EXPECT_EQ(record->os_version, written.os_version);
  EXPECT_EQ(record->create_time_ns, written.create_time_ns);
  EXPECT_EQ(record->location, written.location);
  EXPECT_EQ(record->made_location, written.made_location);
  EXPECT_TRUE(record->container == written.container);
  EXPECT_EQ(record->revision, written.revision);
}

TEST(Record, FieldsThatItDoesNotKnowAreKept) {
  const TestFolder folder;
  ASSERT_TRUE(WriteRecord(folder.path(), FullRecord()).ok());
  nlohmann::json json = nlohmann::json::parse(*ReadSmallFile(folder / kRecordFile));
  json["later"] = {{"a", 1}};
  json["second_owner"]["name"] = "x";
  ASSERT_TRUE(WriteFileAtomically(folder / kRecordFile, json.dump()).ok());
  DistroRecord record = *ReadRecord(folder.path());
  record.name = "other";
  ASSERT_TRUE(WriteRecord(folder.path(), record).ok());
  json = nlohmann::json::parse(*ReadSmallFile(folder / kRecordFile));
  EXPECT_EQ(json["later"]["a"], 1);
  EXPECT_EQ(json["second_owner"]["name"], "x");
  EXPECT_EQ(json["name"], "other");
}

TEST(Record, ABrokenOneIsNamedAndNeverOverwritten) {
  const std::string id = std::string("\"id\":\"") + kId + "\"";
  const std::string good = "{\"format\":1," + id + ",\"name\":\"x\",\"version\":1";
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string(100'000, '['),
        std::string("\0\0\0\0", 4), std::string("{\"format\":2}"), std::string("{\"format\":\"1\"}")}) {
    const TestFolder folder;
    ASSERT_TRUE(WriteFileAtomically(folder / kRecordFile, text).ok());
    EXPECT_EQ(ReasonOf(ReadRecord(folder.path()).status()), reason::kDistroBroken) << text.substr(0, 20);
    EXPECT_EQ(ReasonOf(WriteRecord(folder.path(), FullRecord())), reason::kDistroBroken) << text.substr(0, 20);
    EXPECT_EQ(*ReadSmallFile(folder / kRecordFile), text);
  }
  for (const std::string& rest :
       {std::string(",\"version\":3"), std::string(",\"version\":\"1\""), std::string(",\"name\":\"-x\""),
        std::string(",\"name\":5"), std::string(",\"id\":\"../../etc\""), std::string(",\"location\":\"relative\""),
        std::string(",\"revision\":-1"), std::string(",\"revision\":18446744073709551615"),
        std::string(",\"second_owner\":5"), std::string(",\"second_owner\":{\"uid\":4294967295,\"gid\":0}"),
        std::string(",\"second_owner\":{\"uid\":1}"), std::string(",\"protected\":1")}) {
    const TestFolder folder;
    ASSERT_TRUE(WriteFileAtomically(folder / kRecordFile, good + "}").ok());
    EXPECT_TRUE(ReadRecord(folder.path()).ok());
    ASSERT_TRUE(WriteFileAtomically(folder / kRecordFile, good + rest + "}").ok());
    const absl::Status status = ReadRecord(folder.path()).status();
    EXPECT_EQ(ReasonOf(status), reason::kDistroBroken) << rest;
    EXPECT_THAT(MetadataOf(status)["detail"], HasSubstr("distro.json")) << rest;
  }
}

TEST(Record, AMissingOneIsBroken) {
  const TestFolder folder;
  EXPECT_EQ(ReasonOf(ReadRecord(folder.path()).status()), reason::kDistroBroken);
}

TEST(Record, ATextThatIsNotUtf8IsRefused) {
  const TestFolder folder;
  DistroRecord record = FullRecord();
  record.location = "/\xff";
  EXPECT_EQ(ReasonOf(WriteRecord(folder.path(), record)), reason::kInvalidArgument);
  EXPECT_TRUE(IsEmptyFolder(folder.path()));
}

TEST(Record, NamesAreHeldToTheRule) {
  for (const char* name : {"a", "Debian-12", "x_y.z", "2"}) EXPECT_TRUE(CheckDistroName(name).ok()) << name;
  for (const std::string& name : {std::string(), std::string("-a"), std::string(".a"), std::string("a b"),
                                  std::string("a/b"), std::string("ä"), std::string(65, 'a'), std::string("a\0", 2)}) {
    EXPECT_EQ(ReasonOf(CheckDistroName(name)), reason::kInvalidName) << name;
  }
  EXPECT_TRUE(CheckDistroName(std::string(64, 'a')).ok());
}

TEST(Record, NewUuidsAreUuids) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewUuid();
    EXPECT_TRUE(IsUuid(id)) << id;
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    EXPECT_TRUE(ids.insert(id).second);
  }
  EXPECT_FALSE(IsUuid("0F7C1C6E-5d3b-4f0e-9a55-3d2c1b0a9f8e"));
  EXPECT_FALSE(IsUuid(""));
}

}  // namespace
}  // namespace wslm
