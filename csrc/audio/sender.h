// What one line is sent: 20 ms frames on our own clock.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "audio/frame_decoder.h"
#include "audio/playout_buffer.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"

namespace offhook {

/// What a sender is made of.
struct SenderOptions {
  int rate_hz = 8000;                       ///< 8000 or 16000
  Framing framing = Framing::kAudioSocket;  ///< how frames are written; a server's, so never masked
  /// 0: the other side plays what comes when it comes.  Frames go out when they are due, silence while
  /// nothing is said (it keeps RTP flowing, and Asterisk waits for the next frame in its channel's thread:
  /// asterisk#2089).  More: the other side has a queue and a clock of its own, and makes silence itself.
  /// Frames go out so far ahead, so that neither side's stumbling is heard. [ms]
  int lead_ms = 0;
};

/// What has become of a playback, or of the line.
struct SenderEvent {
  enum class Kind : uint8_t {
    kEnded,   ///< all of it has been heard
    kBroken,  ///< nothing can be sent any more
  };
  uint64_t sender_id;
  uint64_t playback;  ///< what play() returned; of kBroken, the one that was being sent, or 0
  Kind kind;
};

/// Sends a PlayoutBuffer, frame by frame, each due 20 ms after the one before: by the clock and not by the
/// one before, so that lateness does not add up.
///
/// A delay never grows.  Up to kMostLateMs are caught up, which a phone's jitter buffer takes.  Whoever stood
/// still for longer, this thread or the other side (its socket full), costs that time: silence that was due
/// is not sent, and an answer goes on where it was, later by as much, on its timeline as well.  What the
/// kernel keeps for the other side is bounded by the socket's send buffer, which is set to kSendBufferMs.
///
/// An answer begins at once and not with the next frame of silence, so that up to 20 ms are sent early; the
/// silence behind it begins later by as much.
///
/// Any thread, any method.  A mutex excludes them; it is held for a frame's copy and a send that cannot
/// block. tick() is the sender thread's.  Time is an argument. [ns]
class Sender : Counted<Sender> {
 public:
  using Counted<Sender>::live;

  static constexpr int kFrameMs = PlayoutTimeline::kFrameMs;
  static constexpr int kMostLateMs = 60;
  static constexpr int kMostEarlyMs = 40;  ///< several answers that begin early, one right after the other
  static constexpr int kPadLeadMs =
      80;  ///< with a lead: a late voice is made up for so early; see PlayoutFile
  static constexpr int kMostBlockedMs = 10'000;  ///< a socket that takes nothing for so long is broken
  static constexpr int kSendBufferMs = 250;
  static constexpr size_t kMostMessageBytes = 4096;  ///< waiting between two frames
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  /// Sends on a duplicate of fd, a stream socket; the first silence is due at now_ns.  Throws
  /// std::invalid_argument (rate, lead), std::system_error (descriptor).
  Sender(uint64_t id, int fd, const SenderOptions& options, int64_t now_ns);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  uint64_t id() const noexcept { return id_; }

  /// Sends buffer from offset_samples on, beginning now.  Returns a number for the playback.  Throws
  /// std::invalid_argument (something is being sent, or another rate), std::system_error (EPIPE: broken).
  uint64_t play(std::shared_ptr<PlayoutBuffer> buffer, int64_t offset_samples, int64_t now_ns);

  /// No frame of the playback is sent after this.  With a lead, the other side has to be told to throw away
  /// what it has; what it has played by now is what counts as heard.  False when nothing was being sent.
  bool stop(int64_t now_ns) noexcept;

  /// A message between two frames: AudioSocket's type, or a websocket's opcode, and its payload (at most 125
  /// bytes).  At once, or as soon as the socket takes it.  Throws std::length_error (too long, or too many
  /// waiting), std::system_error (EPIPE).
  void send_message(uint8_t code, const char* bytes, size_t size, int64_t now_ns);

  /// Sends nothing any more and lets the descriptor go; a playback counts as stopped.  Any number of times.
  void close(int64_t now_ns) noexcept;

  // --- The thread's side --------------------------------------------------------------------------

  /// Sends what is due.  Returns when to come again; kNever when not before another call.
  int64_t tick(int64_t now_ns) noexcept;
  /// When tick() has something to do; without a lock.
  int64_t due_ns() const noexcept { return wake_ns_.load(std::memory_order_relaxed); }
  /// What has happened since the last time, at most two things; returns how many.
  int take_events(SenderEvent* out) noexcept;

  // --- Asking ---------------------------------------------------------------------------------------

  bool playing() const;
  bool broken() const;
  /// Up to where in its file what is being sent, or was last, has been sent.
  int64_t sent_samples() const;
  int64_t frames_sent() const noexcept { return frames_sent_.load(std::memory_order_relaxed); }
  /// Time given up because somebody stood still. [ns]
  int64_t skipped_ns() const noexcept { return skipped_ns_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kMostFrameSamples = 320;
  static constexpr size_t kMostHeaderBytes = 4;

  int64_t run(int64_t now_ns) noexcept;
  bool take_frame(int64_t now_ns, int64_t* again_ns) noexcept;
  void put_frame() noexcept;
  void skip(int64_t now_ns) noexcept;
  bool flush(int64_t now_ns) noexcept;
  void end_playback(int64_t at_ns) noexcept;
  void break_off(int64_t now_ns) noexcept;
  void come_again(int64_t at_ns) noexcept { wake_ns_.store(at_ns, std::memory_order_relaxed); }

  const uint64_t id_;
  const int rate_hz_;
  const Framing framing_;
  const int64_t lead_ns_;
  const int64_t frame_samples_;
  mutable std::mutex mutex_;
  FileDescriptor fd_;
  std::shared_ptr<PlayoutBuffer> buffer_;  ///< what is being sent
  uint64_t playback_ = 0;
  int64_t next_sample_ = 0;  ///< of its file
  int64_t start_ns_ = 0;     ///< when the run of frames without a skip began
  int64_t due_ns_;           ///< when the next frame is heard
  int64_t early_ns_ = 0;     ///< how much more has been sent than time has passed
  std::array<int16_t, kMostFrameSamples> frame_{};
  std::array<char, kMostHeaderBytes + kMostFrameSamples * 2> out_{};
  size_t out_at_ = 0, out_size_ = 0;  ///< what the socket has not taken of the last frame
  std::vector<char> messages_;
  int64_t blocked_since_ns_ = kNever;
  bool broken_ = false;
  uint64_t ended_playback_ = 0;  ///< not told yet
  bool break_untold_ = false;
  std::atomic<bool> news_{false};
  std::atomic<int64_t> wake_ns_;
  std::atomic<int64_t> frames_sent_{0};
  std::atomic<int64_t> skipped_ns_{0};
};

}  // namespace offhook
