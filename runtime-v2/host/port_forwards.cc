#include "runtime-v2/host/port_forwards.h"

#include <iterator>
#include <utility>

#include "runtime-v2/modules/vm_names.h"

namespace wslm {

class PortForwards::Watch : public runtime::v1::StreamObserver {
 public:
  explicit Watch(std::weak_ptr<PortForwards> forwards) : forwards_(std::move(forwards)) {}

  void OnMessage(const runtime::v1::GuestMessage& message, size_t payload_bytes) override {
    const auto forwards = forwards_.lock();
    if (forwards == nullptr) return;
    forwards->Consumed(payload_bytes);
    if (message.has_ports()) forwards->Want(message.ports());
  }
  void OnEnd(const absl::Status&) override {
    if (const auto forwards = forwards_.lock()) forwards->OnWatchEnd();
  }

 private:
  const std::weak_ptr<PortForwards> forwards_;
};

std::shared_ptr<PortForwards> PortForwards::Start(const std::shared_ptr<Vm>& vm,
                                                  const std::shared_ptr<Worker>& worker) {
  std::shared_ptr<PortForwards> forwards(new PortForwards(vm, worker));
  forwards->BeginWatch(*vm);
  return forwards;
}

void PortForwards::BeginWatch(Vm& vm) {
  runtime::v1::OpenRequest request;
  request.mutable_ports_watch();
  // Closed without the lock: that waits for its observer, which takes it.
  std::shared_ptr<runtime::v1::Stream> ended;
  const std::lock_guard lock(mutex_);
  ended = std::move(stream_);
  watching_ = true;
  stream_ = vm.channel()->Open(request, std::make_shared<Watch>(weak_from_this()));
}

void PortForwards::Consumed(size_t bytes) {
  const std::lock_guard lock(mutex_);
  stream_->Consumed(bytes);
}

void PortForwards::OnWatchEnd() {
  const std::lock_guard lock(mutex_);
  watching_ = false;
}

VmPorts PortsToForward(const runtime::v1::PortList& list) {
  VmPorts ports;
  for (const auto& port : list.ports()) {
    if (port.port() == 0 || port.port() > UINT16_MAX || port.at() > UINT16_MAX) continue;
    ports[{.number = static_cast<uint16_t>(port.port()), .udp = port.udp()}] = {
        .loopback = port.loopback(), .number = static_cast<uint16_t>(port.at() == 0 ? port.port() : port.at())};
    if (ports.size() > kMostPorts) ports.erase(std::prev(ports.end()));
  }
  return ports;
}

void PortForwards::Want(const runtime::v1::PortList& list) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = PortsToForward(list);
    left_out_ = list.left_out();
  }
  PostApply();
}

void PortForwards::Retry() {
  const auto vm = vm_.lock();
  if (vm == nullptr || vm->dead()) return;
  bool watching = false;
  bool problems = false;
  {
    const std::lock_guard lock(mutex_);
    watching = watching_;
    problems = !problems_.empty();
  }
  if (!watching) BeginWatch(*vm);
  if (problems) PostApply();
}

void PortForwards::PostApply() {
  const auto worker = worker_.lock();
  if (worker == nullptr) return;
  worker->Post([weak = weak_from_this()] {
    if (const auto forwards = weak.lock()) forwards->Apply();
  });
}

void PortForwards::Apply() {
  const auto vm = vm_.lock();
  if (vm == nullptr || vm->dead()) return;
  VmPorts wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = wanted_;
  }
  const VmPorts there = vm->forwards();
  for (const auto& [port, end] : there) {
    const auto found = wanted.find(port);
    if (found == wanted.end() || found->second != end) vm->RemoveForward(port).IgnoreError();
  }
  std::map<VmPort, std::string> problems;
  for (const auto& [port, end] : wanted) {
    const auto found = there.find(port);
    if (found != there.end() && found->second == end) continue;
    const absl::Status added = vm->AddForward(port, end);
    if (!added.ok()) problems[port] = std::string(added.message());
  }
  const std::lock_guard lock(mutex_);
  problems_ = std::move(problems);
}

std::vector<ForwardedPort> PortForwards::ports() const {
  const std::lock_guard lock(mutex_);
  std::vector<ForwardedPort> ports;
  for (const auto& [port, end] : wanted_) {
    const auto problem = problems_.find(port);
    ports.push_back(
        {.port = port.number, .udp = port.udp, .problem = problem == problems_.end() ? "" : problem->second});
  }
  return ports;
}

uint32_t PortForwards::left_out() const {
  const std::lock_guard lock(mutex_);
  return left_out_;
}

}  // namespace wslm
