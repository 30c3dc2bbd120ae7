// A runtime, its instances and their channels for tests: nothing is started; the test says what the guest answers.
#ifndef WSLM_DAEMON_INSTANCES_FAKE_RUNTIME_H_
#define WSLM_DAEMON_INSTANCES_FAKE_RUNTIME_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm::daemon {

class FakeStream : public runtime::v1::Stream {
 public:
  explicit FakeStream(std::shared_ptr<runtime::v1::StreamObserver> observer) : observer_(std::move(observer)) {}

  bool Send(const runtime::v1::HostMessage& message) override {
    std::lock_guard lock(mutex_);
    sent_.push_back(message);
    return !full;
  }
  void Consumed(size_t payload_bytes) override { consumed += payload_bytes; }
  void Close() override { closed = true; }

  runtime::v1::StreamObserver& observer() { return *observer_; }
  std::vector<runtime::v1::HostMessage> sent() const {
    std::lock_guard lock(mutex_);
    return sent_;
  }

  std::atomic<size_t> consumed = 0;
  std::atomic<bool> closed = false;
  // What Send answers.
  std::atomic<bool> full = false;

 private:
  const std::shared_ptr<runtime::v1::StreamObserver> observer_;
  mutable std::mutex mutex_;
  std::vector<runtime::v1::HostMessage> sent_;
};

class FakeChannel : public runtime::v1::Channel {
 public:
  const runtime::v1::HelloAck& peer() const override { return ack_; }
  std::shared_ptr<runtime::v1::Stream> Open(const runtime::v1::OpenRequest& request,
                                            std::shared_ptr<runtime::v1::StreamObserver> observer) override {
    auto stream = std::make_shared<FakeStream>(std::move(observer));
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    streams_.push_back(stream);
    return stream;
  }
  absl::StatusOr<runtime::v1::GuestMessage> Call(const runtime::v1::OpenRequest& request, absl::Duration) override {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    runtime::v1::GuestMessage answer;
    if (request.has_stats()) *answer.mutable_stats() = stats_;
    if (request.has_session_list()) *answer.mutable_session_list() = sessions_;
    return answer;
  }
  void OnClosed(std::function<void()>) override {}
  bool closed() const override { return hung_up; }

  void SetStats(int sessions, int processes) {
    std::lock_guard lock(mutex_);
    stats_.set_sessions(sessions);
    stats_.set_processes(processes);
  }
  void AddSession(const std::string& id, const std::string& command) {
    std::lock_guard lock(mutex_);
    auto* session = sessions_.add_sessions();
    session->set_session_id(id);
    session->set_command(command);
    session->set_user("root");
    session->set_pid(7);
    stats_.set_sessions(stats_.sessions() + 1);
  }
  std::vector<runtime::v1::OpenRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::shared_ptr<FakeStream> stream(size_t index) const {
    std::lock_guard lock(mutex_);
    return index < streams_.size() ? streams_[index] : nullptr;
  }

  std::atomic<bool> hung_up = false;

 private:
  const runtime::v1::HelloAck ack_;
  mutable std::mutex mutex_;
  runtime::v1::InstanceStats stats_;
  runtime::v1::SessionList sessions_;
  std::vector<runtime::v1::OpenRequest> requests_;
  std::vector<std::shared_ptr<FakeStream>> streams_;
};

class FakeInstance : public runtime::v1::Instance {
 public:
  explicit FakeInstance(std::string distro_id) : distro_id_(std::move(distro_id)) {}

  const std::string& distro_id() const override { return distro_id_; }
  std::shared_ptr<runtime::v1::Channel> channel() const override { return fake_channel; }
  absl::Status Stop(absl::Duration) override {
    ++stops;
    if (!stop_error.ok()) return stop_error;
    End();
    return absl::OkStatus();
  }
  absl::Status GrowDisk(int64_t bytes) override {
    grown = bytes;
    return absl::OkStatus();
  }
  void OnExit(std::function<void()> callback) override {
    {
      std::lock_guard lock(mutex_);
      if (!ended_) {
        callback_ = std::move(callback);
        return;
      }
    }
    callback();
  }
  // As if its init died.
  void End() {
    std::function<void()> callback;
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      callback = std::exchange(callback_, nullptr);
    }
    if (callback) callback();
  }

  const std::shared_ptr<FakeChannel> fake_channel = std::make_shared<FakeChannel>();
  std::atomic<int> stops = 0;
  std::atomic<int64_t> grown = 0;
  // Set before use.
  absl::Status stop_error;

 private:
  const std::string distro_id_;
  std::mutex mutex_;
  bool ended_ = false;
  std::function<void()> callback_;
};

class FakeRuntime : public runtime::v1::Runtime {
 public:
  absl::StatusOr<std::shared_ptr<runtime::v1::Instance>> Start(const runtime::v1::StartSpec& spec,
                                                               std::function<void(const std::string&)> note) override {
    ++starts;
    note("fetching nothing");
    if (while_starting) while_starting();
    if (!start_error.ok()) return start_error;
    auto instance = std::make_shared<FakeInstance>(spec.config.distro_id());
    std::lock_guard lock(mutex_);
    instances_[spec.config.distro_id()] = instance;
    return instance;
  }
  std::vector<std::shared_ptr<runtime::v1::Instance>> Adopt() override { return adopted; }
  void OnIncident(std::function<void(const runtime::v1::Incident&)> callback) override {
    incident = std::move(callback);
  }
  Unanswered AdoptLater(Found found) override {
    late = std::move(found);
    return unanswered;
  }
  absl::Status Hibernate() override {
    if (while_hibernating) while_hibernating();
    if (!hibernate_error.ok()) return hibernate_error;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [id, instance] : instances_) asleep_.push_back(id);
    }
    if (once_asleep) once_asleep();
    return absl::OkStatus();
  }
  std::vector<std::string> hibernated() const override {
    std::lock_guard lock(mutex_);
    return asleep_;
  }
  absl::Status Wake(std::function<void(const std::string&)> note) override {
    std::vector<std::shared_ptr<runtime::v1::Instance>> woken;
    {
      std::lock_guard lock(mutex_);
      if (asleep_.empty()) return absl::OkStatus();
      if (!wake_error.ok()) return wake_error;
      for (const std::string& id : std::exchange(asleep_, {})) {
        if (!wakes) continue;
        woken.push_back(instances_[id] = std::make_shared<FakeInstance>(id));
      }
    }
    note("waking");
    woken_(woken);
    return absl::OkStatus();
  }
  void GiveUpHibernated() override {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(asleep_, {}).empty()) return;
    }
    woken_({});
  }
  void OnWoken(Found callback) override { woken_ = std::move(callback); }
  bool needed() const override { return when_asked && when_asked(); }
  absl::Status Shutdown() override {
    ++shutdowns;
    // What does not answer is ended.
    if (!unanswered.status.ok() && late) std::exchange(late, nullptr)({});
    return absl::OkStatus();
  }
  absl::StatusOr<bool> ShutdownIfUnneeded() override {
    ++idle_shutdowns;
    return !while_ending || while_ending();
  }

  void End() override {
    ++ends;
    std::vector<std::shared_ptr<FakeInstance>> instances;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [id, instance] : instances_) instances.push_back(instance);
    }
    for (const auto& instance : instances) instance->End();
  }

  std::shared_ptr<FakeInstance> instance(const std::string& distro_id) const {
    std::lock_guard lock(mutex_);
    const auto found = instances_.find(distro_id);
    return found == instances_.end() ? nullptr : found->second;
  }

  std::atomic<int> starts = 0;
  std::atomic<int> shutdowns = 0;
  std::atomic<int> idle_shutdowns = 0;
  std::atomic<int> ends = 0;
  // Set these before use.
  std::function<void()> while_starting;
  absl::Status start_error;
  // Answers needed().
  std::function<bool()> when_asked;
  // Answers ShutdownIfUnneeded().
  std::function<bool()> while_ending;
  std::vector<std::shared_ptr<runtime::v1::Instance>> adopted;
  Unanswered unanswered;
  absl::Status hibernate_error;
  std::function<void()> while_hibernating;
  // Nobody has been told yet.
  std::function<void()> once_asleep;
  // Why what sleeps can't go on now.
  absl::Status wake_error;
  // What sleeps can go on.
  std::atomic<bool> wakes = true;
  // To be called by the test.
  Found late;
  std::function<void(const runtime::v1::Incident&)> incident;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FakeInstance>> instances_;
  std::vector<std::string> asleep_;
  Found woken_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_INSTANCES_FAKE_RUNTIME_H_
