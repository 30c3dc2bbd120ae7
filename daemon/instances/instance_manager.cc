#include "daemon/instances/instance_manager.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/instances/instance_calls.h"
#include "daemon/instances/start_spec.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kIdleGrace = absl::Seconds(2);
constexpr absl::Duration kStatsTimeout = absl::Seconds(5);
// For a listing, which must not hang because one distro does.
constexpr absl::Duration kQuickStatsTimeout = absl::Milliseconds(500);
constexpr int kShownSessions = 5;
// For the end of a VM to be understood: its process is waited for.
constexpr auto kEndPatience = std::chrono::seconds(5);

absl::Status HasSessions(const RegistryEntry& entry, const runtime::v1::SessionList& sessions) {
  std::vector<std::string> shown;
  std::vector<std::string> ids;
  for (const auto& session : sessions.sessions()) {
    ids.push_back(session.session_id());
    if (static_cast<int>(shown.size()) < kShownSessions) {
      shown.push_back(absl::StrCat("'", session.command(), "' of ", session.user(), " (process ", session.pid(), ")"));
    }
  }
  std::string text = absl::StrJoin(shown, ", ");
  if (ids.size() > shown.size()) absl::StrAppend(&text, " and ", ids.size() - shown.size(), " more");
  if (text.empty()) text = "a session that is just starting";
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The distro '", entry.record.name, "' is in use: ", text,
                            ". End what runs there, or stop it with ", "'wslm terminate ", entry.record.name, "'."),
               {{"distro", entry.record.name}, {"sessions", absl::StrJoin(ids, ",")}});
}

// Puts a listener into a list, for as long as this lives. Both under the list's lock.
class Listening {
 public:
  Listening(std::vector<const InstanceManager::Note*>& list, const InstanceManager::Note& note)
      : list_(list), note_(note) {
    if (note_) list_.push_back(&note_);
  }
  ~Listening() { std::erase(list_, &note_); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  std::vector<const InstanceManager::Note*>& list_;
  const InstanceManager::Note& note_;
};

}  // namespace

std::string InstanceManager::Shown(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

InstanceUse::InstanceUse(InstanceUse&& other) noexcept
    : manager_(std::exchange(other.manager_, nullptr)),
      distro_id_(std::move(other.distro_id_)),
      channel_(std::move(other.channel_)) {}

InstanceUse& InstanceUse::operator=(InstanceUse&& other) noexcept {
  Release();
  manager_ = std::exchange(other.manager_, nullptr);
  distro_id_ = std::move(other.distro_id_);
  channel_ = std::move(other.channel_);
  return *this;
}

void InstanceUse::Release() {
  if (manager_ == nullptr) return;
  std::exchange(manager_, nullptr)->ReleaseUse(distro_id_, std::move(channel_));
}

InstanceManager::InstanceManager(runtime::v1::Runtime& v1, runtime::v1::Runtime& v2, DistroLocks& locks, Log& log,
                                 Timing timing, std::function<void(const std::string&)> changed)
    : v1_(v1), v2_(v2), locks_(locks), log_(log), timing_(timing), changed_(std::move(changed)) {
  life_->manager = this;
  for (runtime::v1::Runtime* runtime : {&v1_, &v2_}) {
    runtime->OnIncident([life = life_](const runtime::v1::Incident& incident) {
      std::lock_guard lock(life->mutex);
      if (life->manager != nullptr) life->manager->TellIncident(incident);
    });
  }
  v2_.OnWoken([life = life_](const auto& found) {
    std::vector<std::shared_ptr<runtime::v1::Instance>> unknown;
    {
      std::lock_guard lock(life->mutex);
      if (life->manager != nullptr) unknown = life->manager->Woken(found);
    }
    // Not under the lock: of one that has ended already it is told at once.
    for (const auto& instance : found) WatchExit(life, instance->distro_id(), instance);
    for (const auto& instance : unknown) instance->Stop(kIdleGrace).IgnoreError();
  });
  housekeeper_ = std::thread([this] { Housekeep(); });
}

InstanceManager::~InstanceManager() { Quiesce(); }

void InstanceManager::Quiesce() {
  {
    std::lock_guard lock(life_->mutex);
    life_->manager = nullptr;
  }
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  settled_.notify_all();
  housekeeper_wake_.notify_all();
  if (housekeeper_.joinable()) housekeeper_.join();
}

void InstanceManager::Adopt(const std::vector<RegistryEntry>& entries) {
  Entries known;
  for (const RegistryEntry& entry : entries) known.emplace(entry.record.id, entry);
  int version = 1;
  for (runtime::v1::Runtime* runtime : {&v1_, &v2_}) {
    for (const auto& instance : runtime->Adopt()) {
      if (TakeOver(instance, version, known)) WatchExit(life_, instance->distro_id(), instance);
    }
    ++version;
  }
  AdoptUnanswered(known);
  std::lock_guard lock(mutex_);
  for (const std::string& id : v2_.hibernated()) {
    const auto entry = known.find(id);
    if (entry == known.end()) continue;
    Slot& slot = slots_[id];
    slot.state = v1::DISTRO_STATE_HIBERNATED;
    slot.name = entry->second.record.name;
    slot.version = 2;
  }
  // A VM may have been left without a distro.
  vm_unused_since_ = absl::Now();
}

bool InstanceManager::TakeOver(const std::shared_ptr<runtime::v1::Instance>& instance, int version,
                               const Entries& known) {
  const auto entry = known.find(instance->distro_id());
  if (entry == known.end() || !entry->second.broken_reason.empty() || entry->second.record.version != version) {
    log_.Warning(absl::StrCat("a distro that is not registered runs and is stopped: ", instance->distro_id()));
    if (const auto status = instance->Stop(kIdleGrace); !status.ok()) {
      log_.Error(absl::StrCat("cannot stop ", instance->distro_id(), ": ", status.message()));
    }
    return false;
  }
  log_.Info(absl::StrCat("distro ", entry->second.record.name, " runs already (v", version, ")"));
  {
    std::lock_guard lock(mutex_);
    Slot& slot = slots_[instance->distro_id()];
    slot.state = v1::DISTRO_STATE_RUNNING;
    slot.instance = instance;
    slot.exited = false;
    slot.name = entry->second.record.name;
    slot.version = version;
    slot.unanswered = false;
  }
  return true;
}

void InstanceManager::AdoptUnanswered(const Entries& known) {
  // It may answer before we have said that it doesn't.
  std::lock_guard life_lock(life_->mutex);
  auto waiting = std::make_shared<std::vector<std::string>>();
  const auto unanswered = v2_.AdoptLater([life = life_, waiting, known](const auto& found) {
    std::vector<std::shared_ptr<runtime::v1::Instance>> taken_over;
    {
      std::lock_guard lock(life->mutex);
      if (life->manager != nullptr) taken_over = life->manager->Answered(*waiting, found, known);
    }
    for (const auto& instance : taken_over) WatchExit(life, instance->distro_id(), instance);
  });
  if (unanswered.status.ok()) return;
  *waiting = unanswered.distro_ids;
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const std::string& id : *waiting) {
      const auto entry = known.find(id);
      Slot& slot = slots_[id];
      slot.state = v1::DISTRO_STATE_STARTING;
      slot.name = entry == known.end() ? id : entry->second.record.name;
      slot.version = 2;
      slot.unanswered = true;
      names.push_back(slot.name);
    }
  }
  log_.Warning(absl::StrCat("the VM that was left does not answer and is connected to in the background",
                            names.empty() ? "" : "; in it: ", absl::StrJoin(names, ", "), ": ",
                            unanswered.status.message()));
}

std::vector<std::shared_ptr<runtime::v1::Instance>> InstanceManager::Answered(
    const std::vector<std::string>& waiting, const std::vector<std::shared_ptr<runtime::v1::Instance>>& found,
    const Entries& known) {
  log_.Info(found.empty() ? "no distro runs in the VM that did not answer" : "the VM that did not answer does now");
  std::vector<std::shared_ptr<runtime::v1::Instance>> taken_over;
  for (const auto& instance : found) {
    if (TakeOver(instance, 2, known)) taken_over.push_back(instance);
  }
  {
    std::lock_guard lock(mutex_);
    for (const std::string& id : waiting) {
      Slot& slot = slots_[id];
      if (!slot.unanswered) continue;
      slot.unanswered = false;
      slot.state = v1::DISTRO_STATE_STOPPED;
      slot.start_error = absl::OkStatus();
    }
    vm_unused_since_ = absl::Now();
  }
  settled_.notify_all();
  for (const std::string& id : waiting) changed_(id);
  return taken_over;
}

template <class Done>
absl::Status InstanceManager::WaitLocked(std::unique_lock<std::mutex>& lock, const Slot& slot, const Done& done) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timing_.answer_patience);
  while (!done()) {
    if (!slot.unanswered) {
      settled_.wait(lock);
    } else if (settled_.wait_until(lock, deadline) == std::cv_status::timeout && !done() && slot.unanswered) {
      return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied,
                   absl::StrCat("The VM in which '", slot.name,
                                "' runs does not answer; it is being connected to again. 'wslm shutdown' ends it."),
                   {{"distro", slot.name}});
    }
  }
  return absl::OkStatus();
}

absl::Status InstanceManager::WaitUntilKnown(const std::string& distro_id) {
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[distro_id];
  RETURN_IF_ERROR(WaitLocked(lock, slot, [&] { return !slot.unanswered && (slot.version != 2 || !vm_stopping_); }));
  return WakeLocked(lock, slot, nullptr);
}

void InstanceManager::TellNote(const std::string& distro_id, const std::string& note) {
  std::lock_guard lock(mutex_);
  Slot& slot = slots_[distro_id];
  slot.last_note = note;
  // Under the lock, so that nobody is told who waits no more.
  for (const Note* waiting : slot.notes) (*waiting)(note);
}

absl::StatusOr<InstanceUse> InstanceManager::UseLocked(const std::string& distro_id, Slot& slot) {
  ++slot.uses;
  slot.idle_since.reset();
  if (slot.version == 2) vm_quiet_since_.reset();
  return InstanceUse(this, distro_id, slot.instance->channel());
}

absl::StatusOr<InstanceUse> InstanceManager::Acquire(const RegistryEntry& entry, const AcquireOptions& options) {
  const DistroRecord& record = entry.record;
  RETURN_IF_ERROR(entry.CheckUsable());
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[record.id];
  while (true) {
    const auto holder = locks_.HolderOf(record.id);
    if (holder && (options.operation_id.empty() || holder->operation_id != options.operation_id)) {
      RETURN_IF_ERROR(locks_.CheckFree(record.id, record.name));
    }
    if (slot.state == v1::DISTRO_STATE_RUNNING) return UseLocked(record.id, slot);
    if (slot.state == v1::DISTRO_STATE_STARTING) {
      const int64_t start = slot.starts;
      const Listening listening(slot.notes, options.note);
      if (options.note && slot.unanswered) options.note("connecting to the VM again");
      if (options.note && !slot.unanswered && !slot.last_note.empty()) options.note(slot.last_note);
      RETURN_IF_ERROR(
          WaitLocked(lock, slot, [&] { return slot.state != v1::DISTRO_STATE_STARTING || slot.starts != start; }));
      if (slot.starts == start && slot.state == v1::DISTRO_STATE_STOPPED && !slot.start_error.ok())
        return slot.start_error;
      continue;
    }
    if (slot.state == v1::DISTRO_STATE_HIBERNATED) {
      RETURN_IF_ERROR(WakeLocked(lock, slot, options.note));
      continue;
    }
    if (slot.state == v1::DISTRO_STATE_STOPPING || (record.version == 2 && vm_stopping_)) {
      settled_.wait(lock);
      continue;
    }
    break;
  }
  slot.state = v1::DISTRO_STATE_STARTING;
  slot.name = record.name;
  slot.version = record.version;
  slot.start_error = absl::OkStatus();
  slot.ended_because.clear();
  slot.last_note.clear();
  ++slot.starts;
  std::optional<Listening> listening(std::in_place, slot.notes, options.note);
  lock.unlock();
  changed_(record.id);
  log_.Info(absl::StrCat("starting ", record.name, " (v", record.version, ")"));
  const absl::Time begin = absl::Now();
  runtime::v1::Runtime& runtime = record.version == 2 ? v2_ : v1_;
  auto instance =
      runtime.Start(MakeStartSpec(entry), [this, name = record.name, id = record.id](const std::string& note) {
        log_.Info(absl::StrCat("starting ", name, ": ", note));
        TellNote(id, note);
      });
  lock.lock();
  listening.reset();
  if (!instance.ok()) {
    slot.state = v1::DISTRO_STATE_STOPPED;
    slot.start_error = instance.status();
    if (record.version == 2) vm_unused_since_ = absl::Now();
    lock.unlock();
    settled_.notify_all();
    log_.Error(absl::StrCat("cannot start ", record.name, ": ", instance.status().message()));
    changed_(record.id);
    return instance.status();
  }
  slot.state = v1::DISTRO_STATE_RUNNING;
  slot.instance = *instance;
  slot.exited = false;
  slot.idle_since.reset();
  auto use = UseLocked(record.id, slot);
  lock.unlock();
  settled_.notify_all();
  log_.Info(absl::StrCat("started ", record.name, " in ", Shown(absl::Now() - begin)));
  changed_(record.id);
  // At once when it ended already.
  WatchExit(life_, record.id, *instance);
  return use;
}

void InstanceManager::Forget(const std::string& distro_id) {
  for (runtime::v1::Runtime* runtime : {&v1_, &v2_}) runtime->Forget(distro_id);
}

std::optional<InstanceUse> InstanceManager::AcquireRunning(const std::string& distro_id) {
  std::lock_guard lock(mutex_);
  const auto slot = slots_.find(distro_id);
  if (slot == slots_.end() || slot->second.state != v1::DISTRO_STATE_RUNNING) return std::nullopt;
  return *UseLocked(distro_id, slot->second);
}

void InstanceManager::ReleaseUse(const std::string& distro_id, std::shared_ptr<runtime::v1::Channel> channel) {
  {
    std::lock_guard lock(mutex_);
    --slots_[distro_id].uses;
    ended_.push_back(std::move(channel));
  }
  housekeeper_wake_.notify_all();
}

v1::DistroState InstanceManager::StateOf(const std::string& distro_id) const {
  std::lock_guard lock(mutex_);
  const auto slot = slots_.find(distro_id);
  return slot == slots_.end() ? v1::DISTRO_STATE_STOPPED : slot->second.state;
}

std::vector<std::string> InstanceManager::RunningIds() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, slot] : slots_) {
    if (slot.state == v1::DISTRO_STATE_RUNNING) ids.push_back(id);
  }
  return ids;
}

int InstanceManager::SessionCount(const std::string& distro_id) {
  std::shared_ptr<runtime::v1::Channel> channel;
  {
    std::lock_guard lock(mutex_);
    const auto slot = slots_.find(distro_id);
    if (slot == slots_.end() || slot->second.state != v1::DISTRO_STATE_RUNNING) return 0;
    channel = slot->second.instance->channel();
  }
  const auto stats = StatsOf(*channel, distro_id, kQuickStatsTimeout);
  std::lock_guard lock(mutex_);
  Slot& slot = slots_[distro_id];
  if (stats.ok()) slot.sessions = stats->sessions();
  return slot.sessions;
}

void InstanceManager::WatchExit(const std::shared_ptr<Life>& life, const std::string& distro_id,
                                const std::shared_ptr<runtime::v1::Instance>& instance) {
  instance->OnExit([life, distro_id, ended = instance.get()] {
    std::lock_guard lock(life->mutex);
    if (life->manager != nullptr) life->manager->OnExit(distro_id, ended);
  });
  instance->OnLimit([life, distro_id](const runtime::v1::LimitReached& limit) {
    std::lock_guard lock(life->mutex);
    return life->manager != nullptr && life->manager->limit_ && life->manager->limit_(distro_id, limit);
  });
}

void InstanceManager::TellIncident(const runtime::v1::Incident& incident) {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const std::string& id : incident.distro_ids) {
      Slot& slot = slots_[id];
      if (incident.kind == runtime::v1::Incident::Kind::kVmEnded) slot.ended_because = incident.message;
      names.push_back(slot.name.empty() ? id : slot.name);
    }
  }
  const std::string whom = names.empty() ? "the VM" : absl::StrJoin(names, ", ");
  log_.Error(absl::StrCat("incident of ", whom, ": ", incident.message));
  if (incident_) incident_(incident);
}

std::string InstanceManager::WhyEnded(const std::string& distro_id) {
  std::unique_lock lock(mutex_);
  const Slot& slot = slots_[distro_id];
  if (slot.version != 2) return "";
  // A distro that ended alone, in a VM that runs on, has no incident to wait for.
  settled_.wait_for(lock, kEndPatience, [&] {
    return stop_ || slot.state != v1::DISTRO_STATE_RUNNING || !slot.instance->channel()->closed();
  });
  return slot.ended_because;
}

void InstanceManager::TellLimits(const std::string& distro_id) {
  std::shared_ptr<runtime::v1::Instance> instance;
  {
    std::lock_guard lock(mutex_);
    const auto slot = slots_.find(distro_id);
    if (slot != slots_.end()) instance = slot->second.instance;
  }
  if (instance == nullptr) return;
  instance->TellLimits();
  {
    std::lock_guard lock(mutex_);
    ended_.push_back(std::move(instance));
  }
  housekeeper_wake_.notify_all();
}

absl::StatusOr<bool> InstanceManager::GrowRunning(const std::string& distro_id, int64_t bytes) {
  // Kept from being stopped as idle meanwhile.
  const auto use = AcquireRunning(distro_id);
  if (!use) return false;
  std::shared_ptr<runtime::v1::Instance> instance;
  {
    std::lock_guard lock(mutex_);
    instance = slots_[distro_id].instance;
  }
  if (instance == nullptr) return false;
  const absl::Status grown = instance->GrowDisk(bytes);
  {
    std::lock_guard lock(mutex_);
    ended_.push_back(std::move(instance));
  }
  housekeeper_wake_.notify_all();
  RETURN_IF_ERROR(grown);
  return true;
}

void InstanceManager::OnExit(const std::string& distro_id, const runtime::v1::Instance* instance) {
  {
    std::lock_guard lock(mutex_);
    Slot& slot = slots_[distro_id];
    if (slot.instance.get() != instance) return;
    // Whoever stops it says so himself.
    slot.exited = true;
    if (slot.state != v1::DISTRO_STATE_RUNNING) return;
    log_.Info(absl::StrCat(slot.name, " ended"));
    ended_.push_back(std::move(slot.instance));
    slot.instance = nullptr;
    slot.state = v1::DISTRO_STATE_STOPPED;
    slot.sessions = 0;
    if (slot.version == 2) vm_unused_since_ = absl::Now();
  }
  settled_.notify_all();
  housekeeper_wake_.notify_all();
  changed_(distro_id);
}

absl::Status InstanceManager::WaitUntilSettledLocked(std::unique_lock<std::mutex>& lock, const std::string& distro_id) {
  Slot& slot = slots_[distro_id];
  while (true) {
    RETURN_IF_ERROR(WaitLocked(lock, slot, [&] {
      return slot.state == v1::DISTRO_STATE_STOPPED || slot.state == v1::DISTRO_STATE_RUNNING ||
             slot.state == v1::DISTRO_STATE_HIBERNATED;
    }));
    if (slot.state != v1::DISTRO_STATE_HIBERNATED) return absl::OkStatus();
    RETURN_IF_ERROR(WakeLocked(lock, slot, nullptr));
  }
}

absl::Status InstanceManager::StopLocked(std::unique_lock<std::mutex>& lock, const std::string& distro_id,
                                         absl::Duration grace) {
  Slot& slot = slots_[distro_id];
  if (slot.state != v1::DISTRO_STATE_RUNNING) return absl::OkStatus();
  slot.state = v1::DISTRO_STATE_STOPPING;
  auto instance = slot.instance;
  const std::string name = slot.name;
  lock.unlock();
  changed_(distro_id);
  log_.Info(absl::StrCat("stopping ", name));
  const absl::Time begin = absl::Now();
  const absl::Status status = instance->Stop(grace);
  if (status.ok()) log_.Info(absl::StrCat("stopped ", name, " in ", Shown(absl::Now() - begin)));
  lock.lock();
  if (status.ok()) {
    ended_.push_back(std::move(slot.instance));
    slot.instance = nullptr;
    slot.state = v1::DISTRO_STATE_STOPPED;
    slot.sessions = 0;
    if (slot.version == 2) vm_unused_since_ = absl::Now();
  } else {
    slot.state = v1::DISTRO_STATE_RUNNING;
    log_.Error(absl::StrCat("cannot stop ", name, ": ", status.message()));
  }
  instance.reset();
  lock.unlock();
  settled_.notify_all();
  housekeeper_wake_.notify_all();
  changed_(distro_id);
  lock.lock();
  return status;
}

absl::Status InstanceManager::Stop(const std::string& distro_id, absl::Duration grace) {
  std::unique_lock lock(mutex_);
  RETURN_IF_ERROR(WaitUntilSettledLocked(lock, distro_id));
  return StopLocked(lock, distro_id, grace);
}

absl::StatusOr<std::vector<std::string>> InstanceManager::StopAll(absl::Duration grace) {
  std::vector<std::string> ids;
  std::vector<int> versions;
  bool unanswered = false;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, slot] : slots_) {
      unanswered = unanswered || slot.unanswered;
      if (slot.state == v1::DISTRO_STATE_STOPPED) continue;
      ids.push_back(id);
      versions.push_back(slot.version);
    }
  }
  // Nothing in it can be asked to end.
  if (unanswered) RETURN_IF_ERROR(v2_.Shutdown());
  std::vector<absl::Status> results(ids.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ids.size(); ++i) threads.emplace_back([&, i] { results[i] = Stop(ids[i], grace); });
  for (auto& thread : threads) thread.join();
  bool vm_hangs = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    vm_hangs = vm_hangs || (versions[i] == 2 && !results[i].ok() && StateOf(ids[i]) != v1::DISTRO_STATE_HIBERNATED);
  }
  if (grace <= absl::ZeroDuration() && !v2_.hibernated().empty()) {
    log_.Warning("the VM that sleeps can't go on and is given up with what runs in it");
    v2_.GiveUpHibernated();
  }
  if (vm_hangs) {
    log_.Error("not all distros in the VM could be stopped in time: it is ended with what runs in it");
    v2_.End();
  }
  absl::Status failed;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < ids.size(); ++i) {
      if (slots_[ids[i]].state != v1::DISTRO_STATE_STOPPED) failed.Update(results[i]);
    }
  }
  RETURN_IF_ERROR(v1_.Shutdown());
  RETURN_IF_ERROR(v2_.Shutdown());
  RETURN_IF_ERROR(failed);
  std::lock_guard lock(mutex_);
  vm_unused_since_.reset();
  return ids;
}

absl::Status InstanceManager::CheckStoppable(const RegistryEntry& entry, bool terminate) {
  const std::string& id = entry.record.id;
  std::shared_ptr<runtime::v1::Channel> channel;
  bool used;
  {
    std::unique_lock lock(mutex_);
    RETURN_IF_ERROR(WaitUntilSettledLocked(lock, id));
    const Slot& slot = slots_[id];
    if (slot.state != v1::DISTRO_STATE_RUNNING || terminate) return absl::OkStatus();
    used = slot.uses > 0;
    channel = slot.instance->channel();
  }
  const auto sessions = SessionsOf(*channel, id);
  // One that does not answer has ended by now, or must be terminated explicitly.
  if (!sessions.ok()) return channel->closed() ? absl::OkStatus() : HasSessions(entry, {});
  if (used || sessions->sessions_size() > 0) return HasSessions(entry, *sessions);
  return absl::OkStatus();
}

absl::Status InstanceManager::EnsureStopped(const RegistryEntry& entry, bool terminate) {
  RETURN_IF_ERROR(CheckStoppable(entry, terminate));
  return Stop(entry.record.id, kIdleGrace);
}

void InstanceManager::Housekeep() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    // Woken, it only throws away what ended; the polls keep their pace.
    const auto next_poll = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timing_.poll);
    while (!stop_ && std::chrono::steady_clock::now() < next_poll) {
      auto ended = std::exchange(ended_, {});
      if (!ended.empty()) {
        lock.unlock();
        ended.clear();
        lock.lock();
        continue;
      }
      housekeeper_wake_.wait_until(lock, next_poll);
    }
    if (stop_) return;
    lock.unlock();
    StopIdle();
    HibernateWhenQuiet();
    ShutDownVmWhenUnused();
    lock.lock();
  }
}

void InstanceManager::StopIdle() {
  std::map<std::string, std::shared_ptr<runtime::v1::Channel>> unused;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, slot] : slots_) {
      if (slot.state == v1::DISTRO_STATE_RUNNING && slot.uses == 0) unused[id] = slot.instance->channel();
    }
  }
  for (auto& [id, channel] : unused) {
    const auto stats = StatsOf(*channel, id, kStatsTimeout);
    channel.reset();
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[id];
    if (slot.state != v1::DISTRO_STATE_RUNNING || slot.uses > 0) continue;
    if (stats.ok()) slot.sessions = stats->sessions();
    if (!stats.ok() || stats->sessions() > 0 || stats->processes() > 0) {
      slot.idle_since.reset();
      continue;
    }
    if (!slot.idle_since) slot.idle_since = absl::Now();
    if (absl::Now() - *slot.idle_since < timing_.idle_timeout) continue;
    log_.Info(absl::StrCat(slot.name, " has been idle for ", absl::FormatDuration(timing_.idle_timeout)));
    // A failure is logged, and tried again after the next idle time.
    slot.idle_since.reset();
    StopLocked(lock, id, kIdleGrace).IgnoreError();
  }
}

bool InstanceManager::VmIsUnusedLocked() const {
  for (const auto& [id, slot] : slots_) {
    if (slot.version == 2 && slot.state != v1::DISTRO_STATE_STOPPED) return false;
  }
  return vm_unused_since_ && absl::Now() - *vm_unused_since_ >= timing_.vm_timeout;
}

void InstanceManager::ShutDownVmWhenUnused() {
  {
    std::lock_guard lock(mutex_);
    if (!VmIsUnusedLocked()) return;
  }
  // The runtime has locks of its own, and holds them while it tells us things: not under ours.
  const bool needed = v2_.needed();
  std::unique_lock lock(mutex_);
  if (!VmIsUnusedLocked()) return;
  if (needed) {
    vm_unused_since_ = absl::Now();
    return;
  }
  vm_unused_since_.reset();
  vm_stopping_ = true;
  lock.unlock();
  const auto ended = v2_.ShutdownIfUnneeded();
  if (!ended.ok()) log_.Error(absl::StrCat("cannot shut the VM down: ", ended.status().message()));
  lock.lock();
  vm_stopping_ = false;
  if (ended.ok() && !*ended) vm_unused_since_ = absl::Now();
  lock.unlock();
  settled_.notify_all();
}

}  // namespace wslm::daemon
