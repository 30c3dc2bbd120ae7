#include "runtime-v1/init/replay.h"

namespace wslm::init {
namespace {

// Small writes share a piece; what is forgotten goes by whole pieces but for the first.
constexpr size_t kSmallPiece = 4096;

}  // namespace

void Replay::Append(std::string_view bytes) {
  end_ += static_cast<int64_t>(bytes.size());
  if (bytes.size() >= capacity_) {
    bytes.remove_prefix(bytes.size() - capacity_);
    pieces_.clear();
    held_ = 0;
  }
  if (!pieces_.empty() && pieces_.back().size() + bytes.size() <= kSmallPiece) {
    pieces_.back().append(bytes);
  } else if (!bytes.empty()) {
    pieces_.emplace_back(bytes);
  }
  held_ += bytes.size();
  while (held_ > capacity_) {
    std::string& oldest = pieces_.front();
    const size_t excess = held_ - capacity_;
    if (oldest.size() <= excess) {
      held_ -= oldest.size();
      pieces_.pop_front();
    } else {
      oldest.erase(0, excess);
      held_ -= excess;
    }
  }
}

std::string_view Replay::At(int64_t offset, size_t most) const {
  // Readers are nearly always at the end.
  int64_t piece_begin = end_;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    piece_begin -= static_cast<int64_t>(piece->size());
    if (offset >= piece_begin) return std::string_view(*piece).substr(static_cast<size_t>(offset - piece_begin), most);
  }
  return "";
}

}  // namespace wslm::init
