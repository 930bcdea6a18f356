// One answer in memory, sent by us while it is written.

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "audio/playout_timeline.h"
#include "base/live_objects.h"

namespace offhook {

/// What PlayoutFile is where Asterisk plays a file, this is where we send the frames ourselves: content is
/// appended as it is made, a Sender takes it frame by frame, and silence goes in where it comes late.
///
/// Any thread, any method.  A mutex excludes them from each other; it is held for copies of a block or a
/// frame, and for played(), of what was asked for.  At most PlayoutTimeline::kMaxContentMs stay in memory.
class PlayoutBuffer : Counted<PlayoutBuffer> {
 public:
  using Counted<PlayoutBuffer>::live;

  /// rate_hz is 8000 or 16000; throws std::invalid_argument.
  explicit PlayoutBuffer(int rate_hz);
  PlayoutBuffer(const PlayoutBuffer&) = delete;
  PlayoutBuffer& operator=(const PlayoutBuffer&) = delete;

  // --- The voice's side ---------------------------------------------------------------------------

  /// Appends content.  Throws std::invalid_argument (finished, or longer than kMaxContentMs).
  void write(const int16_t* audio, size_t count);
  /// Nothing more will come; the last frame is made whole.  Any number of times.
  void finish();

  // --- The sender's side: it says what becomes of the frames ----------------------------------------

  /// The frame at offset is heard from at_ns on.  Throws std::invalid_argument: it is being sent already, or
  /// is shorter than offset.
  void start(int64_t at_ns, int64_t offset_samples);
  /// Nothing is audible from at_ns on, which is the end of a frame.  Harmless when nothing is.
  void stop(int64_t at_ns) noexcept;

  /// Of a playback that has stopped; see PlayoutTimeline.
  void audible_until(int64_t file_samples) noexcept;

  enum class Next : uint8_t {
    kFrame,  ///< out has it
    kLate,   ///< the whole of it is not there yet
    kOver,   ///< there was a last one before
  };
  /// Copies the frame of frame_samples() that begins at the file's `at`.
  Next frame(int64_t at, int16_t* out) const noexcept;
  /// Silence that makes a late frame at `at` whole.  False when there is no memory for that.
  bool pad(int64_t at) noexcept;

  // --- Asking: see PlayoutTimeline ----------------------------------------------------------------

  int rate_hz() const noexcept { return rate_hz_; }
  int64_t frame_samples() const noexcept { return frame_samples_; }
  bool playing() const;
  bool finished() const;
  int64_t written_samples() const;
  int64_t file_samples() const;
  int64_t padded_samples() const;
  int64_t underruns() const;
  /// Content heard by then.  A frame on its way is counted whole, because it cannot be had back.
  int64_t position(int64_t now_ns) const;
  int64_t file_position(int64_t content_samples) const;
  void played(int64_t start_ns, int16_t* out, int64_t count) const;
  /// Content of [start, stop), as far as it exists; returns how much that was.
  int64_t content(int64_t start, int64_t stop, int16_t* out) const;

 private:
  const int rate_hz_;
  const int64_t frame_samples_;
  mutable std::mutex mutex_;
  PlayoutTimeline timeline_;
  int64_t start_ns_ = 0;  ///< of the latest playback
};

}  // namespace offhook
