// How a host file says what a guest file is: the rules of lxfs as pure functions, used by the lxfs source and sink and
// by lxcore.
//
//   host file                                              means inside
//   no sticky bit                                          0:0, the mode is the host's
//   sticky bit, some group or other bit                    second owner, mode is the host's less the sticky bit
//   sticky bit, no group or other bit, no record           second owner, as above
//   sticky bit, no group or other bit, record              the record decides; the host's mode is 0600, or 0700 when
//                                                          some x bit is set (directories: always)
//
// Only regular files and directories can carry this. Symlinks, fifos, sockets and devices (sockets on the host) that
// are not the default (0:0; 0777 for symlinks, the host's mode else) have a record in the side store: all devices, all
// that belong to another, all with set-id or sticky bits. A record whose type does not fit the host file's is ignored.
// Host modes always keep owner r on files and owner rwx on directories; a guest mode without them needs a record, as do
// set-id and sticky bits. The folder above rootfs is 0700.
#ifndef WSLM_DISTROS_LXFS_ATTRIBUTES_H_
#define WSLM_DISTROS_LXFS_ATTRIBUTES_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "distros/lxfs/lxfs.h"

namespace wslm {

// The xattr's name, and the beginning of those under which xattrs with a meaning of their own (security.*, trusted.*,
// system.posix_acl_*) are kept: "user.lxfs." + name.
inline constexpr char kLxfsXattr[] = "user.lxfs";
inline constexpr char kLxfsXattrPrefix[] = "user.lxfs.";

// What a guest sees of a file. Nothing of the file's content, size, times or links.
struct GuestAttributes {
  // Type and 12 mode bits, as st_mode.
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Of devices: the kernel's encoding as makedev() gives it.
  uint64_t rdev = 0;
  friend bool operator==(const GuestAttributes&, const GuestAttributes&) = default;
};

// A record's bytes: {version 1, mode, uid, gid: uint32; rdev: uint64}, little endian, 24 bytes.
std::string EncodeLxfsRecord(const GuestAttributes& attributes);
// nullopt when it is no such record.
std::optional<GuestAttributes> DecodeLxfsRecord(std::string_view bytes);

// Whether a host file's record must be looked at: in the xattr for regular files and directories, in the side store for
// others.
bool LxfsMayHaveRecord(const struct stat& host);

// Whether a record can be that of the host file: of its type, or a device's on a socket.
bool LxfsRecordFits(const GuestAttributes& record, uint32_t host_mode);

// What the guest sees. `record` is the file's, where it may have one and has.
GuestAttributes LxfsGuestView(const struct stat& host, const std::optional<GuestAttributes>& record,
                              SecondOwner second_owner);

// How to store attributes on the host.
struct LxfsHostForm {
  // Permission bits with the sticky bit, for chmod; meaningless for symlinks.
  mode_t host_mode = 0;
  // A record has to be written (else removed).
  bool needs_record = false;
};
LxfsHostForm LxfsHostFormOf(const GuestAttributes& attributes, SecondOwner second_owner);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_ATTRIBUTES_H_
