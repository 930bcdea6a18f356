#include "vad/energy_gate.h"

#include <algorithm>
#include <cmath>

namespace offhook {
namespace {

constexpr float kLowestFloorDb = -72.0f;  // A-law and mu-law steps lie here: less is not noise
constexpr float kHighestFloorDb = -20.0f;
constexpr float kStartFloorDb = -60.0f;  // before anything was heard
constexpr float kDigitalSilenceDb = -84.0f;
constexpr float kMinimumBiasDb =
    1.5f;  // the minimum of 200 averaged hops of white noise is this far below the mean
constexpr float kSilentMarginDb = 4.0f;    // hops of steady noise stay within this of the mean
constexpr float kSurelySilentDb = -66.0f;  // speech this low cannot be understood

float to_db(float power) noexcept {
  return power > 0 ? std::max(kSilenceFloorDb, 10 * std::log10(power)) : kSilenceFloorDb;
}

}  // namespace

EnergyGate::EnergyGate(int rate_hz) noexcept
    : hop_samples_(std::max(1, rate_hz / 1000 * kHopMs)), floor_db_(kStartFloorDb) {
  minima_.fill(0);
}

size_t EnergyGate::push(const int16_t* samples, size_t count, bool* complete) noexcept {
  const size_t taken = std::min(count, static_cast<size_t>(hop_samples_ - filled_));
  int64_t sum = 0, squares = 0;
  for (size_t i = 0; i < taken; ++i) {
    const int32_t sample = samples[i];
    sum += sample;
    squares += sample * sample;
  }
  sum_ += sum;
  sum_squares_ += squares;
  filled_ += static_cast<int>(taken);
  *complete = filled_ == hop_samples_;
  if (*complete) finish_hop();
  return taken;
}

void EnergyGate::finish_hop() noexcept {
  const double n = hop_samples_;
  const double mean = static_cast<double>(sum_) / n;
  const double variance = std::max(0.0, static_cast<double>(sum_squares_) / n - mean * mean);
  power_ = static_cast<float>(variance / (32768.0 * 32768.0));
  level_db_ = to_db(power_);
  filled_ = 0;
  sum_ = sum_squares_ = 0;
  follow_floor();
  const bool silent =
      level_db_ < kSurelySilentDb || (known_hops_ >= kPartHops && level_db_ < floor_db_ + kSilentMarginDb);
  silent_hops_ = silent ? std::min(silent_hops_ + 1, 1 << 20) : 0;
}

void EnergyGate::follow_floor() noexcept {
  if (level_db_ < kDigitalSilenceDb) {
    previous_power_ = -1;
    return;
  }
  if (previous_power_ >= 0) {
    const float smooth_db = to_db((power_ + previous_power_) / 2);
    auto& minimum = minima_[static_cast<size_t>(part_)];
    minimum = std::min(minimum, smooth_db);
    known_hops_ = std::min(known_hops_ + 1, kPartHops);
    const float lowest = *std::min_element(minima_.begin(), minima_.end());
    floor_db_ = std::clamp(lowest + kMinimumBiasDb, kLowestFloorDb, kHighestFloorDb);
    if (++part_hops_ == kPartHops) {
      part_hops_ = 0;
      part_ = (part_ + 1) % kParts;
      minima_[static_cast<size_t>(part_)] = 0;
    }
  }
  previous_power_ = power_;
}

}  // namespace offhook
