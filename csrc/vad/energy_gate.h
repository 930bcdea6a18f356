// How loud the line is, what its noise is, and whether anything on it is worth a closer look.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace offhook {

constexpr int kHopMs = 10;                 ///< the grain in which levels are measured
constexpr float kSilenceFloorDb = -96.0f;  ///< level of digital silence [dBFS]

/// Measures levels per hop of 10 ms and follows the noise floor.
///
/// Levels are dBFS of the hop's power without its mean (telephone lines may carry an offset); a
/// full-scale sine has -3 dB.  The floor is the minimum of the level (averaged over two hops) in the
/// last two seconds, corrected for the minimum lying below the mean: it falls at once, and rises within
/// two seconds of a line getting noisier, also under speech, which has dips.  Hops of digital silence (DTX,
/// hold, our own insertions) say nothing about the line and do not move the floor.
///
/// One object per stream, one thread at a time; nothing blocks, allocates or throws.
class EnergyGate {
 public:
  explicit EnergyGate(int rate_hz) noexcept;

  int hop_samples() const noexcept { return hop_samples_; }

  /// Takes samples up to the end of the present hop and returns how many that was;
  /// *complete tells whether the hop is now complete, and the accessors below speak of it.
  size_t push(const int16_t* samples, size_t count, bool* complete) noexcept;

  /// Level of the newest complete hop. [dBFS]
  float level_db() const noexcept { return level_db_; }

  /// The line's noise. [dBFS]
  float floor_db() const noexcept { return floor_db_; }

  /// Complete hops in a row, up to the newest, that were plain silence: within a few dB of a known floor,
  /// or below anything that a telephone carries.  A window made of such hops need not see the network.
  int silent_hops() const noexcept { return silent_hops_; }

 private:
  void finish_hop() noexcept;
  void follow_floor() noexcept;

  static constexpr int kParts = 8;  ///< the two seconds, in parts, so that the minimum is cheap
  static constexpr int kPartHops = 25;

  int hop_samples_;
  int filled_ = 0;
  int64_t sum_ = 0;
  int64_t sum_squares_ = 0;
  float power_ = 0;
  float previous_power_ = -1;  ///< negative: no hop before this one that counts
  float level_db_ = kSilenceFloorDb;
  float floor_db_;
  std::array<float, kParts> minima_;
  int part_ = 0;
  int part_hops_ = 0;
  int known_hops_ = 0;  ///< hops that taught the floor, up to kPartHops
  int silent_hops_ = 0;
};

}  // namespace offhook
