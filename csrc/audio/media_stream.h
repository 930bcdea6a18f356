// One call's audio: its descriptor, its ring, its detector.

#pragma once

#include <atomic>
#include <cstdint>

#include "audio/event_outbox.h"
#include "audio/frame_decoder.h"
#include "audio/message_ring.h"
#include "audio/ring_buffer.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"
#include "vad/speech_detector.h"

namespace offhook {

/// What a stream is made of; see MediaLoop::add().
struct StreamOptions {
  int rate_hz = 8000;        ///< 8000 or 16000
  int pause_ms = 100;        ///< silence that is announced as a pause
  int endpointing_ms = 450;  ///< silence that ends an utterance
  int ring_ms = 25'000;      ///< how much of the past is kept, at least; less where it was long quiet
  Framing framing = Framing::kRaw;
};

/// The state of one stream.
///
/// The public part may be used by any thread for as long as it holds a reference.  The private part belongs
/// to the loop from MediaLoop::add() until retired_; only then is the object destroyed, and never by
/// the loop's thread.
class MediaStream : Counted<MediaStream> {
 public:
  using Counted<MediaStream>::live;

  /// Allocates.  Throws std::invalid_argument for options out of range.
  MediaStream(uint64_t id, const StreamOptions& options);

  uint64_t id() const noexcept { return id_; }
  int rate_hz() const noexcept { return rate_hz_; }

  /// Copies [start, stop) of the caller's audio; see RingBuffer::read().
  RingBuffer::Span read(int64_t start, int64_t stop, int16_t* out) noexcept {
    return ring_.read(start, stop, out);
  }
  size_t capacity_samples() const noexcept { return ring_.capacity(); }
  int64_t written_samples() const noexcept { return ring_.written(); }
  uint64_t overrun_samples() const noexcept { return ring_.overrun_samples(); }
  /// Samples of silence put in while nothing arrived.
  uint64_t inserted_samples() const noexcept { return inserted_samples_.load(std::memory_order_relaxed); }
  /// Speech events given up because nobody polled; see EventOutbox.
  uint64_t dropped_events() const noexcept { return dropped_events_.load(std::memory_order_relaxed); }
  /// Network windows computed, and skipped as plain silence.
  uint64_t windows_run() const noexcept { return windows_run_.load(std::memory_order_relaxed); }
  uint64_t windows_skipped() const noexcept { return windows_skipped_.load(std::memory_order_relaxed); }
  /// errno that ended the stream; 0 while it runs or after a plain end of file.
  int read_errno() const noexcept { return read_errno_.load(std::memory_order_relaxed); }
  /// Why it ended; kNone while it runs.  Set before kAudioEnded is sent.
  EndReason end_reason() const noexcept { return end_reason_.load(std::memory_order_acquire); }

  /// What the other side sent beside audio, oldest first; one taker at a time.  kMessageReceived tells that
  /// there is some.
  MessageRing& messages() noexcept { return messages_; }

  /// Silence that ends an utterance, from the next hop on. [ms]
  void set_endpointing_ms(int endpointing_ms) noexcept {
    endpointing_ms_.store(endpointing_ms, std::memory_order_relaxed);
  }

 private:
  friend class MediaLoop;

  const uint64_t id_;
  const int rate_hz_;
  RingBuffer ring_;
  std::atomic<int> endpointing_ms_;
  std::atomic<uint64_t> inserted_samples_{0};
  std::atomic<uint64_t> dropped_events_{0};
  std::atomic<uint64_t> windows_run_{0};
  std::atomic<uint64_t> windows_skipped_{0};
  std::atomic<int> read_errno_{0};
  std::atomic<EndReason> end_reason_{EndReason::kNone};
  MessageRing messages_;
  std::atomic<bool> retired_{false};  ///< the loop has let go for good
  bool closing_ = false;              ///< control side: remove() was called

  // The loop's own.
  FileDescriptor fd_;  ///< closed at the end of the stream
  FrameDecoder decoder_;
  SpeechDetector detector_;
  EventOutbox outbox_;
  int applied_endpointing_ms_;
  size_t place_ = 0;    ///< index in the loop's list
  bool dirty_ = false;  ///< has samples, or an end, that the detector has not seen
  bool ended_ = false;  ///< end of file or error; AudioEnded follows
  bool end_sent_ = false;
  bool has_odd_byte_ = false;
  char odd_byte_ = 0;
  int64_t spoken_until_ = 0;  ///< where an utterance was open last
  int64_t begun_ns_ = 0;      ///< when reading began
  int64_t read_bytes_ = 0;    ///< since then
  int64_t last_data_ns_ = 0;  ///< when the last bytes came
  int64_t newest_ns_ = 0;     ///< the time of the newest sample, inserted ones included
  int64_t patience_ns_ = 0;   ///< no data for so long is silence
  int64_t gap_begun_ns_ = 0;  ///< when the last bytes came before the silence was put in; 0: looked at
  int64_t gap_ended_ns_ = 0;  ///< when bytes came again; 0: not yet
  int64_t came_ns_ = 0;       ///< how much audio has come since
};

}  // namespace offhook
