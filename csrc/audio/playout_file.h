// One growing file that Asterisk plays while it is written.

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "audio/playout_timeline.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"

namespace offhook {

/// Content is appended as it is made; while it plays and content is late, pad() keeps silence in front of
/// Asterisk's reader, so that one STREAM FILE plays the whole answer.
///
/// Any thread, any method.  A mutex excludes them from each other; it is held while a file in tmpfs is
/// appended to (2 us for a frame, 100 us for half a minute).  Content stays in memory, at most
/// PlayoutTimeline::kMaxContentMs.
///
/// A write that fails (disk full) is the file's end: no more padding, and every write() from then on raises
/// the same error; what was written before can still be played and asked for.
class PlayoutFile : Counted<PlayoutFile> {
 public:
  using Counted<PlayoutFile>::live;

  /// How far the file is kept ahead of what has been played, while it grows. [ms]
  ///
  /// Asterisk reads 20 ms ahead; the rest is for this thread waking late.  2 cores with three busy programs
  /// beside: a sleeping thread woke up to 35 ms late (p50 0.5, p99 15, worst of 1,000).  Files that ran dry
  /// for 3 to 5 s at a time, on Asterisk 22.10, playbacks that ended early at a load of 5 to 9: with 20 to 30
  /// ms 3 of 12, with 40 and 50 ms 4 of 16, with 60 ms 2 of 24, with 80 ms none of 20 (92 s).  On a quiet
  /// machine 20 ms lost none of 9 (2 to 10 s each).  More would be safer, but a voice has to be this far
  /// ahead of the ear, or silence is put in.
  static constexpr int kDefaultLeadMs = 80;
  static constexpr int64_t kNever = PlayoutTimeline::kNever;

  /// Creates the file, or empties it: mode 0640, of the group that its folder belongs to, which is
  /// Asterisk's. The name stays the caller's, who removes it. Throws std::invalid_argument (rate_hz,
  /// lead_ms), std::system_error.
  PlayoutFile(const std::string& path, int rate_hz, int lead_ms = kDefaultLeadMs);
  PlayoutFile(const PlayoutFile&) = delete;
  PlayoutFile& operator=(const PlayoutFile&) = delete;

  // --- The voice's side ---------------------------------------------------------------------------

  /// Appends content at once.  Throws std::system_error (disk full, now or earlier), std::invalid_argument
  /// (finished, closed, longer than kMaxContentMs).
  void write(const int16_t* audio, size_t count);

  /// Nothing more will come: no padding any more, apart from what makes the end a whole frame.
  /// Any number of times.  Throws std::system_error when a write has failed before, or fails now.
  void finish();

  // --- The call's side ----------------------------------------------------------------------------

  /// STREAM FILE was, or is about to be, written at at_ns, from offset_samples of the file on.  Pads up to
  /// the lead at once, so that even an empty file can be played; a PlayoutThread does the rest (watch()).
  /// Throws std::invalid_argument: it plays already, is closed, or is shorter.
  void start(int64_t at_ns, int64_t offset_samples);

  /// The playback was cut, or is over: padding stops, the position freezes.  Harmless when it does not play.
  void stop(int64_t at_ns) noexcept;

  /// Closes the descriptor; stop() too, as of the moment that the playback reached the end.  What was
  /// played can still be asked for.  Any number of times.
  void close() noexcept;

  // --- The thread's side --------------------------------------------------------------------------

  /// Appends the silence that is missing now.  Returns when to come again; kNever when nothing will be
  /// missing until the next start().  Never throws, never allocates for a frame.
  int64_t pad(int64_t now_ns) noexcept;

  // --- Asking: see PlayoutTimeline ----------------------------------------------------------------

  int rate_hz() const noexcept { return rate_hz_; }
  bool playing() const;
  bool finished() const;
  int64_t written_samples() const;
  int64_t file_samples() const;
  int64_t padded_samples() const;
  int64_t underruns() const;
  /// The errno of the write that failed; 0 while none has.
  int write_errno() const;
  int64_t position(int64_t now_ns) const;
  int64_t file_position(int64_t content_samples) const;
  void played(int64_t start_ns, int16_t* out, int64_t count) const;
  /// Content of [start, stop), as far as it exists; returns how much that was.
  int64_t content(int64_t start, int64_t stop, int16_t* out) const;

 private:
  void pad_locked(int64_t now_ns) noexcept;
  bool append_to_file(const int16_t* audio, int64_t count) noexcept;
  void throw_if_failed() const;
  void throw_if_closed() const;

  const std::string path_;
  const int rate_hz_;
  mutable std::mutex mutex_;
  PlayoutTimeline timeline_;
  FileDescriptor fd_;
  int write_errno_ = 0;
};

}  // namespace offhook
