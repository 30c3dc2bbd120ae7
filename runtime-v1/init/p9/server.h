// Serves a file tree by 9P2000.L to one client: https://github.com/chaos/diod/blob/master/protocol.md
//
//   Server server(UniqueFd(open("/", O_PATH)), limits);
//   std::string answer = server.Handle(message);   // one whole message each; empty: hang up
//
// Owners and modes are those that the process sees, and it acts by its own rights: in a distro, root's. What is made
// belongs to the user that attached, where he said who he is. Only regular files and folders are opened, so that
// nothing blocks; requests are answered in their order, so that there is nothing to flush. Not thread-safe.
#ifndef WSLM_RUNTIME_V1_INIT_P9_SERVER_H_
#define WSLM_RUNTIME_V1_INIT_P9_SERVER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "distros/host/unique_fd.h"
#include "runtime-v1/init/p9/message.h"
#include "runtime-v1/init/p9/tree.h"

namespace wslm::p9 {

struct Limits {
  // Files that the client holds at once; each takes up to two descriptors.
  size_t fids = 8192;
};

// A value that is read or written piece by piece.
struct Xattr {
  std::string name;
  std::string value;
  uint64_t size = 0;
  uint32_t flags = 0;
  bool writing = false;
};

class Server {
 public:
  Server(UniqueFd root, const Limits& limits) : tree_(std::move(root)), limits_(limits) {}

  // `message` with its size field, which is right. Empty when it can't be a client.
  std::string Handle(std::string_view message);
  // The largest message that the client may send now.
  uint32_t largest() const { return largest_; }

 private:
  struct Fid {
    Node node;
    // kNone: whoever the process is.
    uint32_t user = kNone;
    UniqueFd open;
    std::optional<Xattr> xattr;
  };

  int Dispatch(uint8_t type, Reader& in, Writer& out);
  // server_fids.cc
  Fid* Find(uint32_t number);
  // An errno when `number` is taken or there are too many.
  int Add(uint32_t number, Fid fid);
  int Version(Reader& in, Writer& out);
  int Attach(Reader& in, Writer& out);
  int Walk(Reader& in, Writer& out);
  int Clunk(Reader& in);
  int Remove(Reader& in);
  // server_content.cc
  int LOpen(Reader& in, Writer& out);
  int LCreate(Reader& in, Writer& out);
  int Read(Reader& in, Writer& out);
  int Write(Reader& in, Writer& out);
  int ReadDir(Reader& in, Writer& out);
  int FSync(Reader& in);
  int Lock(Reader& in, Writer& out);
  int GetLock(Reader& in, Writer& out);
  // server_attributes.cc
  int GetAttr(Reader& in, Writer& out);
  int SetAttr(Reader& in);
  int StatFs(Reader& in, Writer& out);
  int ReadLink(Reader& in, Writer& out);
  int XattrWalk(Reader& in, Writer& out);
  int XattrCreate(Reader& in);
  int StoreXattr(Fid& fid);
  // server_names.cc
  int Symlink(Reader& in, Writer& out);
  int MkNod(Reader& in, Writer& out);
  int MkDir(Reader& in, Writer& out);
  int Link(Reader& in);
  int Rename(Reader& in);
  int RenameAt(Reader& in);
  int UnlinkAt(Reader& in);
  // A folder in which a name is changed, when the whole message was read: an errno when that is short, the fid is none
  // or the name is none.
  int Folder(const Reader& in, uint32_t number, const std::string& name, Fid*& fid);
  // Gives what was made to its maker, and answers its qid.
  int FinishNew(const Fid& folder, const std::string& name, uint32_t gid, Writer& out);

  Tree tree_;
  const Limits limits_;
  uint32_t largest_ = kSmallestMessage * 2;
  bool greeted_ = false;
  std::unordered_map<uint32_t, Fid> fids_;
};

}  // namespace wslm::p9

#endif  // WSLM_RUNTIME_V1_INIT_P9_SERVER_H_
