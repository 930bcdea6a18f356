// The thread that sends the frames of all lines whose clock we are.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "audio/sender.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"
#include "base/spsc_queue.h"

namespace offhook {

/// One thread for all senders.  It sleeps until the next frame of any of them is due.
///
/// It never takes Python's lock, takes no signals, has real-time priority where the system allows it
/// (LimitRTPRIO), and is named offhook-sender.  What it does is Sender::tick(); here is only when.
class SenderThread : Counted<SenderThread> {
 public:
  using Counted<SenderThread>::live;

  static constexpr size_t kDefaultMaxSenders = 1024;

  /// Starts the thread.  Throws std::system_error.
  explicit SenderThread(size_t max_senders = kDefaultMaxSenders);
  ~SenderThread();
  SenderThread(const SenderThread&) = delete;
  SenderThread& operator=(const SenderThread&) = delete;

  /// A sender on a duplicate of fd, which begins at once.  Throws what Sender() does, std::length_error (all
  /// places are taken) and std::runtime_error (after stop()).
  std::shared_ptr<Sender> add(int fd, const SenderOptions& options);

  /// Closes the sender and forgets it.  Any number of times.
  void remove(const std::shared_ptr<Sender>& sender) noexcept;

  /// The sender's method of that name, at this moment; the thread is told.
  uint64_t play(Sender& sender, std::shared_ptr<PlayoutBuffer> buffer, int64_t offset_samples);
  bool stop_playback(Sender& sender) noexcept { return sender.stop(clock_.now_ns()); }
  void send_message(Sender& sender, uint8_t code, const char* bytes, size_t size);

  /// Readable when poll() has something.  Poll it for input, do not read it.
  int event_fd() const noexcept { return events_ready_.get(); }
  /// Takes up to max_events, oldest first; one taker at a time.  Does not wait.
  size_t poll(SenderEvent* events, size_t max_events);

  size_t sender_count() const;
  int64_t rounds() const noexcept { return rounds_.load(std::memory_order_relaxed); }
  /// Makes the thread look, soon, even when nothing is due: rounds() then moves, if the thread does.
  void wake() noexcept { wake_.notify(); }

  /// Ends the thread and waits for it: at most one round of work.  Nothing is sent any more.  Any thread, any
  /// number of times.
  void stop();

 private:
  void run() noexcept;
  int64_t round() noexcept;
  void tell(Sender& sender) noexcept;
  void wait_until(int64_t due_ns) noexcept;

  const MonotonicClock clock_;
  const size_t max_senders_;
  EventFd wake_;
  EventFd events_ready_;
  SpscQueue<SenderEvent> events_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> rounds_{0};
  mutable std::mutex senders_mutex_;
  std::vector<std::shared_ptr<Sender>> senders_;
  uint64_t next_id_ = 1;
  std::mutex polling_;
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace offhook
