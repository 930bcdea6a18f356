// The thread that keeps growing playback files ahead of Asterisk.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "audio/playout_file.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"

namespace offhook {

/// One thread for the files of all calls.  It sleeps until the next frame of silence is due and appends it
/// where no content came; without playbacks that could run dry it does not wake at all.
///
/// It never takes Python's lock, takes no signals, and is named offhook-playout.  What it does is
/// PlayoutFile::pad(); here is only when.
class PlayoutThread : Counted<PlayoutThread> {
 public:
  using Counted<PlayoutThread>::live;

  /// Starts the thread.  Throws std::system_error.
  PlayoutThread();
  ~PlayoutThread();
  PlayoutThread(const PlayoutThread&) = delete;
  PlayoutThread& operator=(const PlayoutThread&) = delete;

  /// PlayoutFile::start(), and padding from then on until it stops, finishes or is closed.
  /// Throws what that throws, and std::runtime_error after stop().
  void start(const std::shared_ptr<PlayoutFile>& file, int64_t at_ns, int64_t offset_samples);

  /// Files that are being kept ahead; one that has stopped or finished is let go of a moment later.
  size_t playing_count() const;

  /// How often the thread has had something to look at.
  int64_t rounds() const noexcept { return rounds_.load(std::memory_order_relaxed); }

  /// Makes the thread look, soon, even when nothing is due: rounds() then moves, if the thread does.
  void wake() noexcept { wake_.notify(); }

  /// Ends the thread and waits for it: at most one round of work.  Files stay as they are, and grow by
  /// write() alone.  Any thread, any number of times.
  void stop();

 private:
  void run() noexcept;
  /// Pads what is due; returns when to come again.
  int64_t round() noexcept;
  void wait_until(int64_t due_ns) noexcept;

  const MonotonicClock clock_;
  EventFd wake_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> rounds_{0};
  mutable std::mutex playing_mutex_;
  std::vector<std::shared_ptr<PlayoutFile>> playing_;
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace offhook
