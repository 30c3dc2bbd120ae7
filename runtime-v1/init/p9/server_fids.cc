// Sessions and fids: version, attach, walk, clunk, remove.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "runtime-v1/init/p9/server.h"

namespace wslm::p9 {
namespace {

constexpr char kProtocol[] = "9P2000.L";
constexpr uint16_t kMostNames = 16;

}  // namespace

Server::Fid* Server::Find(uint32_t number) {
  const auto found = fids_.find(number);
  return found == fids_.end() ? nullptr : &found->second;
}

int Server::Add(uint32_t number, Fid fid) {
  if (fids_.contains(number)) return EBADF;
  if (fids_.size() >= limits_.fids) return ENFILE;
  fids_.emplace(number, std::move(fid));
  return 0;
}

int Server::Version(Reader& in, Writer& out) {
  const uint32_t wanted = in.U32();
  const std::string protocol = in.String();
  fids_.clear();
  greeted_ = in.ok() && protocol == kProtocol && wanted >= kSmallestMessage;
  if (greeted_) largest_ = std::min(wanted, kLargestMessage);
  out.U32(std::min(wanted, kLargestMessage));
  out.String(greeted_ ? kProtocol : "unknown");
  return 0;
}

int Server::Attach(Reader& in, Writer& out) {
  const uint32_t number = in.U32();
  in.U32();  // afid
  in.String();
  const std::string what = in.String();
  Fid fid;
  fid.user = in.U32();
  if (!what.empty() && what != "/") return ENOENT;
  if (int error = tree_.Root(fid.node)) return error;
  struct stat stat;
  if (::fstat(fid.node.fd.get(), &stat) != 0) return errno;
  if (int error = Add(number, std::move(fid))) return error;
  out.Put(QidOf(stat));
  return 0;
}

int Server::Walk(Reader& in, Writer& out) {
  const uint32_t from_number = in.U32();
  const uint32_t to_number = in.U32();
  const uint16_t count = in.U16();
  if (count > kMostNames) return EINVAL;
  std::vector<std::string> names;
  for (uint16_t i = 0; i < count; ++i) names.push_back(in.String());
  Fid* from = Find(from_number);
  if (!in.ok() || from == nullptr || from->open || from->xattr) return EBADF;
  Fid to;
  to.user = from->user;
  if (int error = tree_.Copy(from->node, to.node)) return error;
  std::vector<Qid> qids;
  for (const std::string& name : names) {
    Node next;
    struct stat stat;
    int error = tree_.Walk(to.node, name, next);
    if (error == 0 && ::fstat(next.fd.get(), &stat) != 0) error = errno;
    if (error != 0 && qids.empty()) return error;
    if (error != 0) break;
    to.node = std::move(next);
    qids.push_back(QidOf(stat));
  }
  // A walk that stopped on its way leaves no fid.
  if (qids.size() == names.size()) {
    if (to_number == from_number) {
      *from = std::move(to);
    } else if (int error = Add(to_number, std::move(to))) {
      return error;
    }
  }
  out.U16(static_cast<uint16_t>(qids.size()));
  for (const Qid& qid : qids) out.Put(qid);
  return 0;
}

int Server::Clunk(Reader& in) {
  const auto found = fids_.find(in.U32());
  if (found == fids_.end()) return EBADF;
  const int error = found->second.xattr && found->second.xattr->writing ? StoreXattr(found->second) : 0;
  fids_.erase(found);
  return error;
}

int Server::Remove(Reader& in) {
  const auto found = fids_.find(in.U32());
  if (found == fids_.end()) return EBADF;
  // It is clunked whatever comes.
  const Fid fid = std::move(found->second);
  fids_.erase(found);
  UniqueFd folder;
  std::string name;
  if (int error = tree_.Locate(fid.node, folder, name)) return error;
  struct stat stat;
  if (::fstat(fid.node.fd.get(), &stat) != 0) return errno;
  return ::unlinkat(folder.get(), name.c_str(), S_ISDIR(stat.st_mode) ? AT_REMOVEDIR : 0) == 0 ? 0 : errno;
}

}  // namespace wslm::p9
