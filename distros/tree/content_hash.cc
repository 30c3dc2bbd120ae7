#include "distros/tree/content_hash.h"

#include <cstring>

namespace wslm {
namespace {

constexpr int64_t kBlock = int64_t{64} << 10;

bool IsZero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

template <typename Hash>
void UpdateNumber(Hash& hash, int64_t number) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
  hash.Update({bytes, sizeof(bytes)});
}

}  // namespace

template <typename Hash>
void ContentHash<Hash>::AddBlock(std::string_view block) {
  if (!IsZero(block)) {
    // A hole may begin within the block: zeros at its end must not count.
    block = block.substr(0, block.find_last_not_of('\0') + 1);
    UpdateNumber(hash_, block_);
    UpdateNumber(hash_, static_cast<int64_t>(block.size()));
    hash_.Update(block);
  }
  ++block_;
}

template <typename Hash>
void ContentHash<Hash>::FlushPartial() {
  if (partial_.empty()) return;
  AddBlock(partial_);
  partial_.clear();
}

template <typename Hash>
void ContentHash<Hash>::Write(int64_t offset, std::string_view bytes, int64_t size) {
  while (!bytes.empty()) {
    const int64_t number = offset / kBlock;
    if (number != block_) {
      FlushPartial();
      block_ = number;
    }
    const auto within = static_cast<size_t>(offset % kBlock);
    const std::string_view piece = bytes.substr(0, static_cast<size_t>(kBlock) - within);
    bytes.remove_prefix(piece.size());
    offset += static_cast<int64_t>(piece.size());
    if (static_cast<int64_t>(piece.size()) == kBlock || (within == 0 && offset == size)) {
      AddBlock(piece);
      continue;
    }
    partial_.resize(within, '\0');
    partial_ += piece;
    if (static_cast<int64_t>(partial_.size()) == kBlock) FlushPartial();
  }
}

template <typename Hash>
typename Hash::Digest ContentHash<Hash>::Finish(int64_t size) {
  FlushPartial();
  block_ = 0;
  UpdateNumber(hash_, size);
  return hash_.Finish();
}

template class ContentHash<Sha256>;
template class ContentHash<FastHash>;

}  // namespace wslm
