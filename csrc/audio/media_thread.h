// The thread that runs the media loop.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "audio/media_loop.h"
#include "base/live_objects.h"

namespace offhook {

/// One thread for the audio of all calls.  Its loop() has the control side: add(), remove(), poll().
///
/// The thread takes no signals (they belong to the process' main thread) and is named offhook-media.
class MediaThread : Counted<MediaThread> {
 public:
  using Counted<MediaThread>::live;

  /// Starts the thread.  The model must outlive it.  Throws std::system_error.
  explicit MediaThread(std::shared_ptr<const SileroModel> model,
                       size_t max_streams = MediaLoop::kDefaultMaxStreams);

  /// stop().
  ~MediaThread();

  MediaLoop& loop() noexcept { return loop_; }

  /// Ends the thread and waits for it: at most one round of work.  All descriptors are closed, streams' audio
  /// stays readable, events already queued can still be polled.  Any thread, any number of times.
  void stop();

  /// CPU time that the thread has used. [ns]
  int64_t cpu_ns();

 private:
  void run() noexcept;

  const std::shared_ptr<const SileroModel> model_;
  const MonotonicClock clock_;
  MediaLoop loop_;
  std::atomic<int64_t> final_cpu_ns_{0};
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace offhook
