// One epoll loop for the audio of all calls.

#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "audio/event_outbox.h"
#include "audio/media_stream.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/spsc_queue.h"
#include "vad/silero.h"

namespace offhook {

/// The loop has as many streams as it was made for.
class TooManyStreams : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads every stream's descriptor from the first moment, keeps its audio, detects speech in it.
///
/// Two sides, which share nothing but queues and atomics:
///
/// - The *loop side* is run_once() and shutdown(), called by one thread for ever (MediaThread).  It never
/// locks, allocates,
///   logs, throws or calls Python, and waits only in epoll.
/// - The *control side* is everything else, callable by any thread; control calls exclude each other with a
///   mutex that the loop never takes.  They allocate and free; the loop never does.
///
/// Lifetime of a stream.  add() makes it and hands a bare pointer to the loop through the command queue.
/// remove() asks for it back; the loop closes the descriptor, forgets the pointer and sets retired_, after
/// which the next control call drops the control side's reference.  Whoever holds the shared_ptr may read the
/// ring until letting go, also after the loop is gone.
///
/// Time.  A pipe that brings nothing does not stop the clock (DTX, hold): from 100 ms without data on,
/// silence is inserted up to the present, so that positions keep following time and an utterance ends.  A
/// stream counts as silent only after its descriptor was asked again and had nothing, so a late thread does
/// not invent silence before a backlog.  Where audio that fills the gap comes after all (long packets, a
/// network that bunches them up), it was late and no silence: that stream is waited for longer from then on,
/// up to half a second.  The newest sample of a backlog is dated by what still waits behind
/// it (FIONREAD), not by when it was read: events carry the time at which their audio was new.
///
/// Strangers.  A framed stream comes from a network.  What is not its protocol ends it, with a reason; so
/// does a message that finds no room, and audio of kMostAheadMs more than time has passed for: a round reads
/// no more than kReadBytes of it, so that the others do not wait.
class MediaLoop {
 public:
  static constexpr size_t kDefaultMaxStreams = 2048;
  static constexpr size_t kDefaultEventPlaces = 4096;
  static constexpr int kMostAheadMs = 30'000;  ///< a network that stood still may owe so much, not more

  /// Allocates everything the loop will need.  Model and clock must outlive the loop.
  /// Throws std::system_error when the kernel refuses descriptors.
  MediaLoop(const SileroModel& model, const Clock& clock, size_t max_streams = kDefaultMaxStreams,
            size_t event_places = kDefaultEventPlaces);
  ~MediaLoop();
  MediaLoop(const MediaLoop&) = delete;
  MediaLoop& operator=(const MediaLoop&) = delete;

  // --- Control side: any thread -------------------------------------------------------------------

  /// Takes over fd (a pipe, socket or character device; made non-blocking, closed at its end) and reads it
  /// from now on.
  ///
  /// On failure the descriptor stays with the caller.  Throws std::invalid_argument (options),
  /// std::system_error (not a descriptor that can be waited for), TooManyStreams, std::runtime_error (after
  /// stop()).
  std::shared_ptr<MediaStream> add(int fd, const StreamOptions& options);

  /// Stops reading the stream and closes its descriptor, soon.  Events already queued may still come out
  /// of poll(); no new ones are made.  Any number of times; does not wait.
  void remove(const std::shared_ptr<MediaStream>& stream);

  /// Readable when poll() has something.  Poll it for input, do not read it.
  int event_fd() const noexcept { return events_ready_.get(); }

  /// Takes up to max_events, oldest first, and returns how many there were.  Does not wait.  event_fd() stays
  /// readable when there may be more.
  size_t poll(MediaEvent* events, size_t max_events);

  /// Makes run_once() return false, soon.  Any thread, any number of times.
  void stop() noexcept;

  /// Streams added and not yet given back by the loop.
  size_t stream_count();

  /// Makes the loop do a round, soon, even when nothing is to do: rounds() then moves, if the loop does.
  void wake() noexcept { wake_.notify(); }

  /// How many rounds the loop has finished.
  int64_t rounds() const noexcept { return rounds_.load(std::memory_order_relaxed); }

  // --- Loop side: one thread ------------------------------------------------------------------------

  /// Waits at most max_wait_ms (less when a stream's silence is due; negative: no limit), then does all that
  /// is to do. False after stop().
  bool run_once(int max_wait_ms) noexcept;

  /// Closes all descriptors and retires all streams; the loop's last act.
  void shutdown() noexcept;

 private:
  enum class CommandKind : uint8_t { kAdd, kRemove };
  struct Command {
    MediaStream* stream;
    CommandKind kind;
  };
  static constexpr size_t kReadBytes = 8192;  ///< per stream and round: about half a second of 8 kHz audio
  static constexpr int kBatch = 64;           ///< windows per run of the network
  static constexpr int kMaxEpollEvents = 256;

  void sweep();

  int wait_ms(int max_wait_ms) const noexcept;
  void take_commands(int64_t now_ns) noexcept;
  void attach(MediaStream& stream, int64_t now_ns) noexcept;
  void detach(MediaStream& stream) noexcept;
  bool read_some(MediaStream& stream, int64_t now_ns) noexcept;
  void decode(MediaStream& stream, char* bytes, size_t count) noexcept;
  void keep_audio(MediaStream& stream, const char* bytes, size_t count) noexcept;
  bool is_too_fast(const MediaStream& stream, int64_t now_ns) const noexcept;
  void end_reading(MediaStream& stream, EndReason reason) noexcept;
  void mark_dirty(MediaStream& stream) noexcept;
  void fill_gaps(int64_t now_ns) noexcept;
  void insert_silence(MediaStream& stream, int64_t now_ns) noexcept;
  void learn_patience(MediaStream& stream, int64_t came_ns, int64_t now_ns) noexcept;
  void detect() noexcept;
  void forget_silence(MediaStream& stream) noexcept;
  void feed_detector(MediaStream& stream) noexcept;
  void run_batch(int count) noexcept;
  void send(MediaStream& stream, const Endpointer::Events& events) noexcept;
  void send_ended(MediaStream& stream) noexcept;
  void flush_outboxes() noexcept;

  const Clock& clock_;
  const size_t max_streams_;

  // Shared.
  SpscQueue<Command> commands_;
  MediaEventQueue events_;
  EventFd wake_;
  EventFd events_ready_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> rounds_{0};

  // Control side, under control_.
  std::mutex control_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<MediaStream>> registry_;
  std::vector<uint64_t> closing_;

  // Loop side.
  SileroBatch batch_;
  FileDescriptor epoll_;
  std::vector<MediaStream*> streams_;
  std::vector<MediaStream*> dirty_;
  int64_t next_gap_check_ns_;
  bool notify_ = false;  ///< events were queued in this round
  int waiting_outboxes_ = 0;
  std::vector<char> read_buffer_;
  std::vector<int16_t> samples_;  ///< of a piece that lies at an odd place
  const float* windows_[kBatch] = {};
  SileroState* states_[kBatch] = {};
  MediaStream* batched_[kBatch] = {};
  float probabilities_[kBatch] = {};
  epoll_event ready_[kMaxEpollEvents];
};

}  // namespace offhook
