// Speech events on their way out of the media thread: none is lost because the reader is slow.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/spsc_queue.h"
#include "vad/endpointer.h"

namespace offhook {

/// A speech event of one stream, as the event loop receives it.
struct MediaEvent {
  uint64_t stream_id;
  int64_t position_samples;
  int64_t at_ns;  ///< CLOCK_MONOTONIC when the sample at this position was new
  int32_t voiced_ms;
  EventKind kind;
};

using MediaEventQueue = SpscQueue<MediaEvent>;

/// One stream's events that the full queue refused, in order, until they fit.
///
/// The queue of all streams is bounded; so is this.  When both are full, the reader has been away for half
/// a minute or more, and what it can do without is given up, oldest first: a pause that was
/// resumed, then a whole utterance (its audio has left the ring by then).  What remains is always
/// a sequence that could have happened, and AudioEnded is never given up.  One MessageReceived stands for
/// any number: whoever takes messages takes all that are there.
///
/// Media thread only.  Nothing blocks, allocates or throws.
class EventOutbox {
 public:
  /// Puts the event into queue, or keeps it for flush() when the queue is full or others wait already.
  void send(const MediaEvent& event, MediaEventQueue& queue) noexcept {
    if (count_ == 0 && queue.push(event)) return;
    if (event.kind == EventKind::kMessageReceived && has_message()) return;
    if (count_ == kPlaces) make_room();
    events_[static_cast<size_t>(count_++)] = event;
  }

  /// Moves what fits into queue.  Returns how many events went.
  int flush(MediaEventQueue& queue) noexcept {
    int sent = 0;
    while (sent < count_ && queue.push(events_[static_cast<size_t>(sent)])) ++sent;
    remove(0, sent);
    return sent;
  }

  bool empty() const noexcept { return count_ == 0; }

  /// Events given up so far.
  uint64_t dropped() const noexcept { return dropped_; }

 private:
  static constexpr int kPlaces = 32;

  EventKind kind(int index) const noexcept { return events_[static_cast<size_t>(index)].kind; }

  bool has_message() const noexcept {
    for (int i = 0; i < count_; ++i) {
      if (kind(i) == EventKind::kMessageReceived) return true;
    }
    return false;
  }

  void make_room() noexcept {
    for (int i = 0; i + 1 < count_; ++i) {
      if (kind(i) == EventKind::kSpeechPaused && kind(i + 1) == EventKind::kSpeechResumed) return drop(i, 2);
    }
    for (int i = 0; i + 2 < count_; ++i) {
      if (kind(i) == EventKind::kSpeechStarted && kind(i + 2) == EventKind::kSpeechStopped) return drop(i, 3);
    }
    drop(0, 1);  // cannot happen with an endpointer's events; keeps the bound whatever comes
  }

  void drop(int first, int n) noexcept {
    remove(first, n);
    dropped_ += static_cast<uint64_t>(n);
  }

  void remove(int first, int n) noexcept {
    std::copy(events_.begin() + first + n, events_.begin() + count_, events_.begin() + first);
    count_ -= n;
  }

  std::array<MediaEvent, kPlaces> events_{};
  int count_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace offhook
