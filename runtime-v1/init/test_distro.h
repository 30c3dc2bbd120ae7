// A tiny distro to run the real wslm-init in: namespaces of its own, the host's programs read-only, an /etc, users and
// devices made for the test.
//
//   auto distro = TestDistro::Start(config);
//   auto channel = distro->Connect();
//   …
//   distro->WaitExit();
#ifndef WSLM_RUNTIME_V1_INIT_TEST_DISTRO_H_
#define WSLM_RUNTIME_V1_INIT_TEST_DISTRO_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/channel.h"

namespace wslm::init {

class TestDistro {
 public:
  enum class Link { kListener, kChannel };

  // Why this machine can't run it; empty when it can.
  static std::string WhyNot();

  // Users: root (/root, bash), alice (1000, /home/alice, bash, member of "crew"), homeless (1001, home not there),
  // bob (1002, in a home that is his). Null with a test failure when it did not start.
  static std::unique_ptr<TestDistro> Start(const ::wslm::runtime::v1::InstanceConfig& config,
                                           Link link = Link::kListener);
  // Kills what is left.
  ~TestDistro();

  // A new connection, said HELLO on. With Link::kChannel once only.
  std::shared_ptr<::wslm::runtime::v1::Channel> Connect();
  // init as the host sees it.
  pid_t host_pid() const { return init_; }
  // Exit code of init, or nullopt when it did not end within 20 s.
  std::optional<int> WaitExit();
  // The distro's root as the host sees it.
  std::string Path(const std::string& inside) const { return "/proc/" + std::to_string(init_) + "/root" + inside; }

 private:
  TestDistro() = default;

  std::string folder_;
  // Makes the namespaces and ends with init's exit code.
  pid_t maker_ = -1;
  pid_t init_ = -1;
  UniqueFd channel_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_TEST_DISTRO_H_
