#include "distros/ext4/test_image.h"

namespace wslm {

std::vector<TestFile> SampleTree() {
  std::vector<TestFile> files;
  const auto add = [&files](TestFile file) -> Entry& {
    files.push_back(std::move(file));
    Entry& entry = files.back().entry;
    entry.mtime = {1'700'000'000 + static_cast<int64_t>(files.size()), 123'456'789};
    return entry;
  };
  add(Folder("", 0755));
  add(Folder("etc"));
  add(File("etc/hostname", "debian\n"));
  Entry& shadow = add(File("etc/shadow", "root:*:\n", 0640));
  shadow.gid = 42;
  add(Symlink("etc/mtab", "../proc/self/mounts"));
  add(Symlink("longest-fast", std::string(59, 'f')));
  add(Symlink("shortest-slow", std::string(60, 's')));
  add(Symlink("slow", std::string(4095, 'x')));
  add(Folder("tmp", 01777));
  Entry& owned = add(File("home", std::string(10'000, 'h'), 06755));
  owned.uid = 4'000'000'000;
  owned.gid = 100'000;
  add(File("empty", ""));
  add(File("one-block", std::string(4096, '1')));
  add(File("large", std::string(9'000'001, 'L')));
  add(HardLink("etc/hostname-again", "etc/hostname"));

  const auto device = [&](std::string path, FileType type, uint32_t major, uint32_t minor) {
    Entry& entry = add({{.path = std::move(path), .type = type, .mode = 0660}, {}});
    entry.rdev_major = major;
    entry.rdev_minor = minor;
  };
  add(Folder("dev"));
  device("dev/null", FileType::kCharDevice, 1, 3);
  device("dev/sda", FileType::kBlockDevice, 8, 0);
  device("dev/large-major", FileType::kCharDevice, 4095, 1);
  device("dev/large-minor", FileType::kBlockDevice, 259, 1'048'575);
  device("dev/zero-zero", FileType::kCharDevice, 0, 0);
  add({{.path = "fifo", .type = FileType::kFifo, .mode = 0600}, {}});
  add({{.path = "socket", .type = FileType::kSocket, .mode = 0755}, {}});

  // 4 KiB at 0, a hole, a piece that begins and ends inside of blocks, a hole up to the end.
  TestFile sparse = {{.path = "sparse", .mode = 0644, .size = 4'000'000}, {}};
  sparse.blocks = {{0, std::string(4096, 'a')}, {1'000'001, std::string(6'001, 'b')}};
  add(std::move(sparse));
  add({{.path = "only-a-hole", .mode = 0644, .size = 12'345}, {}});

  add(File("usr-ping",
           "\x7f"
           "ELF",
           0755))
      .xattrs["security.capability"] = SampleCapability();
  Entry& acl = add(File("with-acl", "acl", 0644));
  acl.xattrs["system.posix_acl_access"] = SampleAcl();
  Entry& folder_acl = add(Folder("with-default-acl", 0750));
  folder_acl.xattrs["system.posix_acl_default"] = SampleAcl();
  folder_acl.xattrs["trusted.note"] = std::string("\0\xff", 2);
  Entry& many = add(File("with-many-xattrs", "x"));
  many.xattrs = {
      {"user.empty", ""}, {"user.a", "1"}, {"user.long", std::string(3000, 'v')}, {"security.selinux", "u:r:t"}};
  for (int i = 0; i < 20; ++i) many.xattrs["user.n" + std::to_string(i)] = std::to_string(i * 1'000'003);
  add(Symlink("link-with-xattr", "x")).xattrs["trusted.of-link"] = "t";

  add(Folder("names"));
  add(File(std::string("names/") + std::string(255, 'n'), "long"));
  add(File("names/caf\xc3\xa9", "UTF-8"));
  add(File("names/\xff\xfe\x01 not UTF-8\n", "bytes"));
  return files;
}

}  // namespace wslm
