// From probabilities and levels to "speech started, paused, resumed, stopped", each with its place.

#pragma once

#include <array>
#include <cstdint>

#include "vad/energy_gate.h"

namespace offhook {

enum class EventKind : uint8_t {
  kSpeechStarted,
  kSpeechPaused,
  kSpeechResumed,
  kSpeechStopped,
  kAudioEnded,
  kMessageReceived,  ///< not heard but told: see MediaStream::messages()
};

/// A fact about one stream, at a sample position of the stream's own rate.
struct SpeechEvent {
  EventKind kind;
  int32_t voiced_ms;         ///< paused and stopped: voiced audio in the utterance so far; else 0
  int64_t position_samples;  ///< where it happened, not where it was noticed
};

/// Decides where speech begins and ends.  Pure: time is the samples it was given.
///
/// Two witnesses of different speed are heard.  The level tells within 10 ms that it fell, but not why;
/// Silero tells speech from noise, but its probability falls only ~116 ms after speech ended (more in noise).
///
///  - Started: Silero is sure, and at least 60 ms of the sound it is sure of are loud enough.  Back-dated to
///    where the level rose.  Clicks start nothing.
///  - Paused: pause_ms have passed since the *true* end.  By level when it has fallen far below the speech
///    so far (the fast trigger; Silero can hold it back for 20 ms by not doubting in the least).  Else, when
///    noise hides the fall, by Silero, back-dated by its lag.
///  - Resumed: the level is back for 30 ms and Silero agrees; or Silero stays sure so long after
///    the supposed end that its lag cannot explain it: then it was soft speech.
///  - Stopped: endpointing_ms have passed since the true end, and Silero has let go.
///
/// Order: Started, (Paused, Resumed)*, Paused, Stopped, and again.  Positions never decrease, and no position
/// lies beyond what was pushed.
///
/// One object per stream, one thread at a time.  Nothing blocks, allocates or throws.
class Endpointer {
 public:
  static constexpr int kMaxEvents = 8;  ///< more than the hops of one window and its answer can add

  /// What happened, in order.  The caller empties it between windows.
  struct Events {
    std::array<SpeechEvent, kMaxEvents> items;
    int count = 0;
    const SpeechEvent* begin() const noexcept { return items.data(); }
    const SpeechEvent* end() const noexcept { return items.data() + count; }
    void add(EventKind kind, int64_t position_samples, int32_t voiced_ms = 0) noexcept;
  };

  Endpointer(int rate_hz, int pause_ms, int endpointing_ms) noexcept;

  /// Silence that ends the utterance; takes effect at once, also on a pause in progress. [ms]
  void set_endpointing_ms(int endpointing_ms) noexcept;

  /// The next hop of 10 ms: its level and the noise floor [dBFS].
  void push_hop(float level_db, float floor_db, Events* events) noexcept;

  /// Silero's answer for the window that ended at stop_samples; its hops have been pushed before,
  /// as far as they are complete.  A window skipped as plain silence counts as probability 0.
  void push_window(int64_t stop_samples, float probability, Events* events) noexcept;

  /// The stream ended after length_samples: an open utterance is closed.
  void finish(int64_t length_samples, Events* events) noexcept;

  /// Whether an utterance is open (started, not stopped) or may be about to start.
  bool active() const noexcept { return state_ != State::kIdle || candidate_; }

 private:
  enum class State : uint8_t { kIdle, kSpeech, kPause };

  struct Hop {
    float level_db;
    bool loud;
  };
  static constexpr int64_t kHistoryHops = 128;

  Hop& hop(int64_t index) noexcept { return history_[static_cast<size_t>(index % kHistoryHops)]; }
  int64_t oldest_hop() const noexcept { return hops_ > kHistoryHops ? hops_ - kHistoryHops : 0; }
  int64_t position(int64_t hop_index) const noexcept { return hop_index * hop_samples_; }
  int32_t voiced_ms() const noexcept { return static_cast<int32_t>(voiced_hops_ * kHopMs); }
  int64_t loud_hops(int64_t first, int64_t last) noexcept;
  float quiet_below_db() const noexcept;
  bool level_is_telling() const noexcept;
  void learn_speech_level(int64_t first, int64_t last) noexcept;
  int64_t find_onset(int64_t from, int64_t not_before, float above_db) noexcept;

  void try_start(int64_t stop_hop, float probability, Events* events) noexcept;
  void pause(int64_t end_hop, Events* events) noexcept;
  void resume(int64_t onset_hop, Events* events) noexcept;
  void try_pause_by_level(Events* events) noexcept;
  void try_resume_by_level(Events* events) noexcept;
  void try_stop(Events* events) noexcept;

  int hop_samples_;
  int pause_hops_;
  int endpointing_hops_;

  State state_ = State::kIdle;
  bool candidate_ = false;  ///< idle, and Silero heard something
  int sure_windows_ = 0;    ///< windows in a row at or above kOn
  int unsure_windows_ = 0;  ///< windows in a row below kOff
  float probability_ = 0;
  float floor_db_ = -60;
  float speech_db_ = -30;  ///< how loud this caller speaks, near the louder end
  bool speech_known_ = false;
  int64_t hops_ = 0;            ///< complete hops so far
  int64_t end_hop_ = 0;         ///< one past the last hop of speech (true end, while paused or idle)
  int64_t last_loud_hop_ = -1;  ///< newest hop that was not quiet
  int64_t voiced_hops_ = 0;
  std::array<Hop, kHistoryHops> history_{};
};

}  // namespace offhook
