// Doubling and halving of the sample rate: 8 kHz telephone audio to 16 kHz and back.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace offhook {

/// Streaming resampler for the ratios 1:2, 2:1 and 1:1.
///
/// A half-band FIR (63 taps at the higher rate, Kaiser window), run in its two phases: one phase is a
/// plain copy, the other 32 symmetric taps.  Linear phase.  Relative to the lower rate f: flat within
/// 0.02 dB up to 0.425 f (3.4 kHz at 8 kHz), at least 70 dB down from 0.575 f (4.6 kHz) on.
///
/// Aligned: output sample k belongs to the instant of input sample k * from_hz / to_hz exactly.  The
/// filter's delay shows as outputs that come later, not as an offset: a sample is produced once
/// lookahead_samples() inputs after it are known, and flush() produces the last ones as if silence
/// followed.  process() calls with the same samples in other chunk sizes give the same output, bit for bit.
///
/// One object per stream, one thread at a time.  process() and flush() do not block, allocate or throw.
class Resampler {
 public:
  /// Whether the ratio from_hz : to_hz is 1:1, 1:2 or 2:1.
  static bool supports(int from_hz, int to_hz) noexcept;

  /// Throws std::invalid_argument unless supports(from_hz, to_hz).
  Resampler(int from_hz, int to_hz);

  /// Inputs after an output's instant that must be known before it is produced.
  int lookahead_samples() const noexcept;

  /// Room that process() or flush() may need in out for count inputs.
  size_t max_output(size_t count) const noexcept { return 2 * (count + kMaxLookahead); }

  /// Takes count samples, writes what is ready to out, returns how many that is.
  /// The float form is scaled to [-1, 1] (and may overshoot by the filter's ripple); the int16 form
  /// is rounded and saturated.
  size_t process(const int16_t* in, size_t count, float* out) noexcept;
  size_t process(const int16_t* in, size_t count, int16_t* out) noexcept;

  /// Writes the outputs still owed, then starts over.  n inputs give ceil(n * to / from) outputs in all.
  size_t flush(float* out) noexcept;
  size_t flush(int16_t* out) noexcept;

  /// Forgets everything; the next sample is the first of a stream.
  void reset() noexcept;

 private:
  static constexpr size_t kPairs = 16;                ///< symmetric tap pairs of the filtered phase
  static constexpr size_t kHistory = 2 * kPairs - 1;  ///< samples of the filtered phase that are kept
  static constexpr size_t kMaxLookahead = 2 * kPairs;
  static constexpr size_t kBlock = 256;  ///< outputs of the filtered phase computed in one go
  enum class Ratio : uint8_t { kSame, kDouble, kHalve };

  template <class Out>
  size_t feed(const int16_t* in, size_t count, Out* out) noexcept;
  template <class Out>
  size_t finish(Out* out) noexcept;
  template <class Out>
  size_t double_block(size_t count, Out* out) noexcept;
  template <class Out>
  size_t halve_block(size_t pairs, Out* out) noexcept;

  Ratio ratio_;
  std::array<float, kHistory + kBlock> filtered_;  ///< history, then the present block
  std::array<float, kPairs - 1 + kBlock> copied_;  ///< halving only: even samples waiting for lookahead
  size_t skip_;     ///< centres still before the first sample, for which nothing is written
  float even_ = 0;  ///< halving only: an even sample whose odd one has not come
  bool has_even_ = false;
};

/// Resamples a whole recording at once: ceil(count * to_hz / from_hz) samples, aligned with the input.
/// Allocates.  Throws std::invalid_argument for an unsupported ratio.
std::vector<int16_t> resample(const int16_t* in, size_t count, int from_hz, int to_hz);

}  // namespace offhook
