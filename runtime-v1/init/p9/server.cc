#include "runtime-v1/init/p9/server.h"

#include <cerrno>

namespace wslm::p9 {

std::string Server::Handle(std::string_view message) {
  Reader in(message);
  in.U32();
  const uint8_t type = in.U8();
  const uint16_t tag = in.U16();
  if (!in.ok() || (!greeted_ && type != kVersion)) return "";
  Writer out;
  out.Begin(type + 1, tag);
  int error = Dispatch(type, in, out);
  // A handler that lacked a field saw zeros, which are as good as any.
  if (!in.ok()) error = EINVAL;
  if (error != 0) {
    out.Begin(kLError, tag);
    out.U32(static_cast<uint32_t>(error));
  }
  return out.Take();
}

int Server::Dispatch(uint8_t type, Reader& in, Writer& out) {
  switch (type) {
    case kVersion:
      return Version(in, out);
    case kAttach:
      return Attach(in, out);
    case kFlush:
      return 0;
    case kWalk:
      return Walk(in, out);
    case kClunk:
      return Clunk(in);
    case kRemove:
      return Remove(in);
    case kLOpen:
      return LOpen(in, out);
    case kLCreate:
      return LCreate(in, out);
    case kRead:
      return Read(in, out);
    case kWrite:
      return Write(in, out);
    case kReadDir:
      return ReadDir(in, out);
    case kFSync:
      return FSync(in);
    case kLock:
      return Lock(in, out);
    case kGetLock:
      return GetLock(in, out);
    case kGetAttr:
      return GetAttr(in, out);
    case kSetAttr:
      return SetAttr(in);
    case kStatFs:
      return StatFs(in, out);
    case kReadLink:
      return ReadLink(in, out);
    case kXattrWalk:
      return XattrWalk(in, out);
    case kXattrCreate:
      return XattrCreate(in);
    case kSymlink:
      return Symlink(in, out);
    case kMkNod:
      return MkNod(in, out);
    case kMkDir:
      return MkDir(in, out);
    case kLink:
      return Link(in);
    case kRename:
      return Rename(in);
    case kRenameAt:
      return RenameAt(in);
    case kUnlinkAt:
      return UnlinkAt(in);
    case kAuth:
      // "None is needed": who may come is the socket's matter.
      return ENOENT;
    default:
      return EOPNOTSUPP;
  }
}

}  // namespace wslm::p9
