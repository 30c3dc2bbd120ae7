// Pages of a list. A token names the last item shown, so that what comes and goes meanwhile moves nothing.
#ifndef WSLM_DAEMON_SERVICES_PAGE_H_
#define WSLM_DAEMON_SERVICES_PAGE_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/error.h"

namespace wslm::daemon {

template <class Item>
struct Page {
  std::vector<Item> items;
  std::string next_token;
};

// At most `size` (0 = all) of the items behind the one that `token` names. Error: INVALID_ARGUMENT.
template <class Item>
absl::StatusOr<Page<Item>> PageOf(std::vector<Item> items, int size, const std::string& token) {
  if (size < 0) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "page_size must not be negative.",
                 {{"field", "page_size"}});
  }
  auto begin = items.begin();
  if (!token.empty()) {
    begin = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.id() == token; });
    if (begin == items.end()) {
      return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                   "The page_token is none of this list's any more; list again from the start.",
                   {{"field", "page_token"}});
    }
    ++begin;
  }
  const auto left = items.end() - begin;
  const auto count = size == 0 ? left : std::min<decltype(left)>(size, left);
  Page<Item> page;
  page.items.assign(begin, begin + count);
  if (count < left) page.next_token = page.items.back().id();
  return page;
}

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_PAGE_H_
