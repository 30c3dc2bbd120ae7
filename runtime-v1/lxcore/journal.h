// What a call that lxcore works on has led to so far, in memory that outlives lxcore: the next one begins the same call
// anew, and must take what was done already for its own work.
//
//   if (target.error == 0 && !call.journal().MayHaveMade(target.file.host, S_IFDIR)) return Reply::Error(EEXIST);
//   ...
//   call.journal().Begin();
//   ::mkdir(...)
//
// Only what can't simply be done twice needs it: what makes or removes a name, counts, or tells what was before.
// Every other change is made so that it leads to the same when it is begun anew.
#ifndef WSLM_RUNTIME_V1_LXCORE_JOURNAL_H_
#define WSLM_RUNTIME_V1_LXCORE_JOURNAL_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>

namespace wslm::lxcore {

// Part of the memory's layout (SharedState::kLayout). All zero: a call that has done nothing yet.
class Journal {
 public:
  // Just before the first change, when nothing stands in its way any more.
  void Begin();
  // Whether an earlier lxcore ended on this very call after Begin: the change is made, or nearly was.
  bool Resumed() const { return resumed_; }
  // Whether `host`, which has the name that is to be made, was made by this call before lxcore ended: it is of that
  // type (S_IFMT) and no older than Begin.
  bool MayHaveMade(const struct statx& host, uint32_t type) const;

  // Of a change that is made in steps 1, 2, ...: those up to the answer were made. Never two at once. Or what was there
  // before a change, said before Begin.
  uint64_t done() const { return done_; }
  void set_done(uint64_t step) { done_ = step; }

  // Just before the calling thread gets the credentials of that index (identities.h), after which the call answers
  // `value`.
  void BeginToBecome(uint32_t index, int64_t value);
  // What a thread that has these credentials is to be told at once, if that is what the call was doing.
  std::optional<int64_t> AnswerIfBecame(uint32_t index) const;

  // The supervisor's: the call is taken up by another lxcore.
  void Resume() { resumed_ = begun_; }

 private:
  uint32_t begun_ = 0;
  uint32_t resumed_ = 0;
  int64_t begun_ns_ = 0;
  uint64_t done_ = 0;
  // The index + 1; 0: none.
  uint64_t becomes_ = 0;
  int64_t answer_ = 0;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_JOURNAL_H_
