// One stream's way from samples to speech events: gate, resampler, windows, network, endpointer.

#pragma once

#include <array>
#include <cstdint>

#include "audio/resampler.h"
#include "vad/endpointer.h"
#include "vad/energy_gate.h"
#include "vad/silero.h"

namespace offhook {

/// The detector of one stream, without the network's run, so that many streams can share one batch:
///
///     while (samples left) {
///       samples += detector.push(samples, left, &events);
///       if (detector.window()) { run it, alone or with others; detector.answer(probability, &events); }
///     }
///
/// Windows of plain silence outside an utterance are answered by the detector itself and never shown.
/// The last of them is kept: when the line wakes up, it is shown first, so that the network does not
/// hear the onset with a stale memory.
///
/// One thread at a time.  Nothing blocks, allocates or throws.
class SpeechDetector {
 public:
  /// rate_hz is 8000 or 16000 (see supports()).
  SpeechDetector(int rate_hz, int pause_ms, int endpointing_ms);

  static bool supports(int rate_hz) noexcept { return rate_hz == 8000 || rate_hz == kSileroRateHz; }
  static constexpr int kSileroRateHz = 16000;

  /// Takes samples up to the end of the present window and returns how many that was: 0 while a window waits
  /// for its answer.
  size_t push(const int16_t* samples, size_t count, Endpointer::Events* events) noexcept;

  /// The window that waits for the network: kSileroWindowSamples floats; nullptr when none does.
  const float* window() const noexcept;
  SileroState* state() noexcept { return &state_; }

  /// Silero's probability for window().
  void answer(float probability, Endpointer::Events* events) noexcept;

  /// End of stream: closes an open utterance.
  void finish(Endpointer::Events* events) noexcept { endpointer_.finish(pushed_, events); }

  void set_endpointing_ms(int endpointing_ms) noexcept { endpointer_.set_endpointing_ms(endpointing_ms); }

  /// Whether somebody speaks, or is about to.
  bool active() const noexcept { return endpointer_.active(); }

  int64_t pushed_samples() const noexcept { return pushed_; }
  uint64_t windows_run() const noexcept { return windows_run_; }
  uint64_t windows_skipped() const noexcept { return windows_skipped_; }

 private:
  using Window = std::array<float, kSileroWindowSamples>;

  void window_filled(Endpointer::Events* events) noexcept;

  EnergyGate gate_;
  Resampler resampler_;
  Endpointer endpointer_;
  SileroState state_;
  int upsampling_;                 ///< windows hold this many samples for one of the stream
  std::array<Window, 2> windows_;  ///< the one being filled, and the one before it
  int current_ = 0;
  int filled_;
  bool waiting_ = false;    ///< the filled window waits for an answer
  bool replaying_ = false;  ///< the previous window is shown first
  int64_t pushed_ = 0;
  int silent_windows_ = 0;
  uint64_t windows_run_ = 0;
  uint64_t windows_skipped_ = 0;
};

}  // namespace offhook
