// What a growing playback file holds, and which of it was in the air when.  Bookkeeping only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace offhook {

/// The samples of one answer, the silence put between them, and the stretches of time in which Asterisk
/// played the file.  No descriptor, no clock, no lock: time is an argument, and the owner excludes others.
///
/// Two countings.  *Content* is what the voice said; the *file* has the padding as well.  `position` without
/// a word before it counts content.  A playback reads the file from `offset` on in real time: at `at_ns` it
/// stands at offset + (at_ns - start_ns) x rate.  Times are monotonic and not negative. [ns]
///
/// What Asterisk does (seen on 22.10).  It opens the file anew for each STREAM FILE, sends the first 20 ms at
/// once and 20 ms every 20 ms from then on, so it has read up to 20 ms more than has been played.  It reads
/// through stdio, which takes up to 4096 bytes when it has run out but is content with less: a playback ends
/// when a frame is due that does not exist, and only then.  A frame cut short by the file's end is sent
/// as it is, and is the last.  The reply then comes as that frame is over; its endpos is the file's length
/// *at the start*, not where it ended, so position() at the time of the reply is all there is.  To play the
/// rest: stop(), then STREAM FILE with the offset file_position(position()).  An empty file is not an error,
/// but a WARNING in the log, and is over at once; so is an offset at the end.
class PlayoutTimeline {
 public:
  static constexpr int kFrameMs = 20;            ///< padding comes in frames
  static constexpr int kMaxContentMs = 120'000;  ///< an answer takes 30 s; 3.8 MB at 16 kHz
  static constexpr int kMaxFileMs = 600'000;     ///< a writer that never comes back is padded no further
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  /// rate_hz is 8000 or 16000, lead_ms 20 to 1000; throws std::invalid_argument.
  PlayoutTimeline(int rate_hz, int lead_ms);

  // --- Growing.  The owner writes the same to the file. -------------------------------------------

  /// Makes room for more content, so that append() cannot fail.  Throws std::invalid_argument (finished, or
  /// longer than kMaxContentMs), std::bad_alloc.
  void reserve(size_t count);
  void append(const int16_t* audio, size_t count) noexcept;

  /// The reader ran out of content: silence at the end.  A run of several counts as one underrun.
  void pad(int64_t samples);

  /// Nothing more will come.
  void finish() noexcept { finished_ = true; }
  /// Silence that makes the end a whole frame.  Asterisk would send the rest of one as a short RTP packet
  /// whose timestamp overlaps the one before; for the same reason an offset should be a whole frame.
  int64_t tail_samples() const noexcept;
  void append_tail(int64_t samples);

  // --- Playing ------------------------------------------------------------------------------------

  /// Asterisk plays from offset on.  Throws std::invalid_argument when it plays already, or the file is
  /// shorter.
  void start(int64_t at_ns, int64_t offset_samples);
  /// It stopped.  Harmless when it does not play.
  void stop(int64_t at_ns) noexcept;

  /// The playback that has stopped was audible up to there in the file: somebody knows better than the clock.
  /// Not before its offset, and not behind the file's end.  Harmless while one runs, or none has.
  void audible_until(int64_t file_samples) noexcept;

  /// Samples of padding that are missing now for the lead.  A reader that would have passed the end cannot
  /// have: it is taken to stand at the end (everybody was late, or the playback is over).
  int64_t missing_samples(int64_t now_ns);
  /// When the next padding will be missing if nothing is appended; kNever when it does not play, or has
  /// finished.
  int64_t due_ns() const noexcept;

  // --- Asking -------------------------------------------------------------------------------------

  int rate_hz() const noexcept { return rate_hz_; }
  bool playing() const noexcept { return playing_; }
  bool finished() const noexcept { return finished_; }
  int64_t content_samples() const noexcept { return static_cast<int64_t>(content_.size()); }
  int64_t file_samples() const noexcept { return file_samples_; }
  int64_t padded_samples() const noexcept { return padded_samples_; }
  int64_t underruns() const noexcept { return underruns_; }

  /// Content played by then; in padding, and after the end, that of the moment before.
  int64_t position(int64_t now_ns) const noexcept;
  /// Where in the file that content begins: behind the padding, if there is some.
  int64_t file_position(int64_t content_samples) const noexcept;
  /// What was in the air from start_ns on; zeros where nothing was.  Times to come hold what will be played
  /// if nothing changes.
  void played(int64_t start_ns, int16_t* out, int64_t count) const noexcept;
  /// What the file holds from start on: content and silence, and zeros behind its end.
  void file_audio(int64_t start, int16_t* out, int64_t count) const noexcept;
  /// Copies content; the range has to lie within it.
  void copy(int64_t start, int64_t stop, int16_t* out) const noexcept;

  /// Samples that pass in a stretch of time, rounded down, also below zero.
  int64_t samples_in(int64_t duration_ns) const noexcept;

 private:
  /// Silence in the file, and how much content lies before it.
  struct Gap {
    int64_t file_start, samples, content_before;
  };
  /// Asterisk reading the file in real time.
  struct Playback {
    int64_t start_ns, stop_ns, offset_samples;
  };

  void add_gap(int64_t samples);
  /// Copies the content among the file's [from, to), which is out's [0, to - from); leaves the rest alone.
  void copy_content(int64_t from, int64_t to, int16_t* out) const noexcept;
  int64_t content_before(int64_t file_samples) const noexcept;
  /// File samples that a playback has read by then.
  int64_t read_by(const Playback& playback, int64_t now_ns) const noexcept;

  const int rate_hz_;
  const int64_t sample_ns_;
  const int64_t lead_samples_;
  const int64_t most_samples_;
  std::vector<int16_t> content_;
  std::vector<Gap> gaps_;
  std::vector<Playback> playbacks_;
  int64_t file_samples_ = 0;
  int64_t padded_samples_ = 0;
  int64_t underruns_ = 0;
  bool last_is_padding_ = false;
  bool playing_ = false;
  bool finished_ = false;
};

}  // namespace offhook
