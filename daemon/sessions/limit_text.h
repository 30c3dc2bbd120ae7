// What a person is told when a program runs into what v1 can't do by its nature.
#ifndef WSLM_DAEMON_SESSIONS_LIMIT_TEXT_H_
#define WSLM_DAEMON_SESSIONS_LIMIT_TEXT_H_

#include <optional>
#include <string>

#include "wslm/runtime/v1/instance.h"
#include "wslm/v1/distro.pb.h"
#include "wslm/v1/event.pb.h"

namespace wslm::daemon {

// nullopt: a kind that this daemon doesn't know; its lxcore is newer.
std::optional<v1::LimitReached> DescribeLimit(const runtime::v1::LimitReached& limit, const v1::DistroRef& distro);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_LIMIT_TEXT_H_
