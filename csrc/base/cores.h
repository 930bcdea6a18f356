// One policy for the cores: which of the engines' threads may compute.
//
// Recognition, the language model, voices and searches each have threads of their own.  Left to themselves
// they all run at once, and the answer that a caller waits for gets a third of a core beside two guesses.
// So whoever computes asks for a place first, and there are no more places than cores: what is committed
// goes before what is prepared, that before what is only tried ahead, and of two that are alike the one whose
// caller has waited longer.
//
//   * A guess never takes the last core for a second thread of its own, and work that is ahead of anybody's
//     pause leaves one core alone, where there are several: a commit then finds one within a step.
//   * Nothing is interrupted.  Work asks between two of its steps whether somebody more urgent waits
//     (wanted()), and then gives its cores back for a while.
//
// Media, playout, sending and judging barge-in are not asked: they never wait for a place here.

#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/live_objects.h"

namespace offhook {

/// How soon work is needed; what goes first is less.
struct Rank {
  static constexpr int32_t kCommitted = 0;  ///< a caller waits, now
  static constexpr int32_t kPrepared = 1;   ///< perhaps a caller: they have paused
  static constexpr int32_t kAhead = 2;      ///< nobody yet

  int32_t urgency = kCommitted;
  int64_t since_ns = 0;  ///< since when the caller waits, monotonic

  auto operator<=>(const Rank&) const = default;
};

class CorePlace;

/// The machine's cores, as far as they are given out.
///
/// Every method may be called from any thread.  The lock is held for a look at those that wait, of which
/// there are as many as threads that compute: a dozen or two.
class Cores {
 public:
  /// What was given so far, and what is now.
  struct Stats {
    int32_t running = 0;    ///< cores given out
    int32_t waiting = 0;    ///< places that wait
    uint64_t entered = 0;   ///< times that cores were given
    uint64_t waited = 0;    ///< of these, not at once
    int64_t waited_ns = 0;  ///< all these waits together
    int32_t most = 0;       ///< most cores that were ever given out at once
  };

  /// Throws std::invalid_argument unless 1 <= count <= 4096.
  explicit Cores(int32_t count);
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;

  int32_t count() const noexcept { return count_; }
  Stats stats() const;

 private:
  friend class CorePlace;

  int32_t spared() const noexcept { return count_ > 1 ? count_ - 1 : 1; }
  void grant();  // lock held
  bool allowed(const CorePlace& place) const;

  const int32_t count_;
  mutable std::mutex mutex_;
  std::vector<CorePlace*> waiting_;  // in the order in which they came
  int32_t running_ = 0;
  int32_t running_ahead_ = 0;
  Stats stats_;
};

/// A thread's place.  One thread at a time enters it; the rest may be called from any.
class CorePlace : Counted<CorePlace> {
 public:
  static int64_t live() noexcept { return Counted<CorePlace>::live(); }

  explicit CorePlace(std::shared_ptr<Cores> cores);
  ~CorePlace();
  CorePlace(const CorePlace&) = delete;
  CorePlace& operator=(const CorePlace&) = delete;

  /// How urgent what is done, or waited for, is from now on; at first somebody waits for it.
  void urge(Rank rank);
  /// Waits for cores, `limit_ns` at most; gives how many may compute from now on: 1 .. most, or 0 when there
  /// was none in that time.  Cores that the place has are given back first.
  int32_t enter(int32_t most, int64_t limit_ns);
  /// Gives the cores back; any number of times.
  void leave();
  /// Somebody waits for a core whose work is more urgent by its kind than what is done here.
  bool wanted() const;
  /// Cores that the place has now.
  int32_t cores() const;

 private:
  friend class Cores;
  void give_back();  // the cores' lock held

  const std::shared_ptr<Cores> cores_;
  std::condition_variable given_;
  // Guarded by the cores' lock:
  Rank rank_;
  int32_t most_ = 1;
  int32_t has_ = 0;
  bool waits_ = false;
};

}  // namespace offhook
