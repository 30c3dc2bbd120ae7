#include "daemon/sessions/session_bridge.h"

#include <utility>

#include "distros/host/error.h"

namespace wslm::daemon {

void SessionBridge::Note(const std::string& note) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (end_ || gone_ || begun_) return;
    note_ = note;
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

bool SessionBridge::Hint(const std::string& distro_id, const std::string& hint) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (!begun_ || exited_ || end_ || gone_ || !identity_.wants_hints || identity_.distro.id() != distro_id)
      return false;
    output_.push_back({.message = {}, .payload_bytes = 0, .hint = hint});
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
  return true;
}

void SessionBridge::Opened(std::shared_ptr<runtime::v1::Stream> stream, InstanceUse use) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    stream_ = std::move(stream);
    actions.stream = stream_;
    actions.consumed = std::exchange(consumed_, 0);
    actions.close = gone_;
    if (gone_ || end_ || exited_) {
      actions.release = std::move(use);
    } else {
      use_ = std::move(use);
    }
    if (!gone_ && !end_) ReadLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::End(const absl::Status& status) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (end_ || gone_) return;
    end_ = status;
    actions.stream = stream_;
    actions.close = stream_ != nullptr;
    actions.release = std::move(use_);
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::Received(const std::vector<runtime::v1::HostMessage>& messages) {
  std::shared_ptr<runtime::v1::Stream> stream;
  {
    std::lock_guard lock(mutex_);
    if (gone_ || finished_ || stream_ == nullptr) return;
    stream = stream_;
    writable_ = false;
  }
  bool full = false;
  for (const auto& message : messages) full = !stream->Send(message) || full;
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (gone_ || finished_) return;
    paused_ = full && !writable_;
    if (!paused_) ReadLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::Written(bool ok) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    busy_ = false;
    actions.stream = stream_;
    (stream_ != nullptr ? actions.consumed : consumed_) += writing_.payload_bytes;
    if (!ok) {
      gone_ = true;
      actions.close = stream_ != nullptr;
      actions.release = std::move(use_);
    }
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::ClientGone() {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    gone_ = true;
    actions.stream = stream_;
    actions.close = stream_ != nullptr;
    actions.release = std::move(use_);
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::OnMessage(const runtime::v1::GuestMessage& message, size_t payload_bytes) {
  Actions actions;
  std::function<void()> ending;
  if (message.has_exited()) {
    std::lock_guard lock(mutex_);
    ending = std::exchange(hooks_.ending, nullptr);
  }
  if (ending) ending();
  {
    std::lock_guard lock(mutex_);
    if (gone_ || finished_) return;
    output_.push_back({.message = message, .payload_bytes = payload_bytes, .hint = ""});
    if (message.has_exited()) {
      // The distro is free before the client hears of it, and may do something next that needs it stopped.
      exited_ = true;
      actions.release = std::move(use_);
      actions.hook = std::exchange(hooks_.ended, nullptr);
    } else if (!begun_) {
      begun_ = true;
      if (hooks_.started && message.has_started()) {
        actions.hook = [hook = std::exchange(hooks_.started, nullptr), started = message.started()] { hook(started); };
      }
    }
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::OnEnd(const absl::Status& status) {
  std::function<void(Hooks::Answer)> why;
  if (ReasonOf(status) == reason::kRuntimeDied) {
    std::lock_guard lock(mutex_);
    if (!gone_ && !finished_ && !end_) why = std::exchange(hooks_.why, nullptr);
  }
  if (!why) return Ended(status);
  // Not waited for: the channel's thread serves others too. What is left to be written goes on meanwhile.
  why([self = shared_from_this(), status](const std::string& because) {
    self->Ended(because.empty() ? status : Error(status.code(), reason::kRuntimeDied, because));
  });
}

void SessionBridge::Ended(const absl::Status& status) {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (!end_) end_ = status;
    if (!begun_ && !status.ok()) actions.hook = std::exchange(hooks_.ended, nullptr);
    actions.release = std::move(use_);
    AdvanceLocked(actions);
  }
  Do(std::move(actions));
}

void SessionBridge::OnWritable() {
  Actions actions;
  {
    std::lock_guard lock(mutex_);
    if (paused_ && !gone_ && !finished_) {
      paused_ = false;
      ReadLocked(actions);
    } else {
      writable_ = true;
    }
  }
  Do(std::move(actions));
}

void SessionBridge::AdvanceLocked(Actions& actions) {
  if (busy_ || finished_) return;
  if (gone_) output_.clear();
  if (gone_ || end_ || begun_) note_.reset();
  if (note_) {
    busy_ = true;
    writing_ = {};
    actions.note = std::exchange(note_, std::nullopt);
  } else if (!output_.empty()) {
    busy_ = true;
    writing_ = std::move(output_.front());
    output_.pop_front();
    actions.write = true;
  } else if ((gone_ || end_) && reading_ == 0) {
    finished_ = true;
    actions.finish = gone_ ? Error(absl::StatusCode::kCancelled, reason::kCancelled, "The client went away.") : *end_;
  }
}

void SessionBridge::ReadLocked(Actions& actions) {
  ++reading_;
  actions.read = true;
}

void SessionBridge::Do(Actions actions) {
  if (actions.stream != nullptr && actions.consumed > 0) actions.stream->Consumed(actions.consumed);
  if (actions.stream != nullptr && actions.close) actions.stream->Close();
  actions.release.Release();
  if (actions.hook) actions.hook();
  if (actions.note) client_->WriteNote(*actions.note);
  if (actions.write && !writing_.hint.empty()) {
    client_->WriteHint(writing_.hint);
  } else if (actions.write) {
    client_->Write(writing_.message, identity_);
  }
  if (actions.read) {
    client_->Read();
    Actions next;
    {
      std::lock_guard lock(mutex_);
      --reading_;
      AdvanceLocked(next);
    }
    if (next.write || next.finish) Do(std::move(next));
  }
  if (actions.finish) client_->Finish(*actions.finish);
}

}  // namespace wslm::daemon
