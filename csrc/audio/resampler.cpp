#include "audio/resampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace offhook {
namespace {

constexpr size_t kTapPairs = 16;
constexpr double kKaiserBeta = 7.2;  // about 74 dB; the length then gives 3.4 to 4.6 kHz as transition

double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 40; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}

/// taps[k] weighs the samples 2k + 1 before and after the centre, counted at the higher rate.
std::array<float, kTapPairs> make_taps() {
  std::array<double, kTapPairs> taps{};
  double sum = 0;
  for (size_t k = 0; k < kTapPairs; ++k) {
    const double distance = 2.0 * static_cast<double>(k) + 1;
    const double edge = distance / (2.0 * kTapPairs - 1);
    const double window = bessel_i0(kKaiserBeta * std::sqrt(std::max(0.0, 1 - edge * edge)));
    taps[k] = (k % 2 == 0 ? 1 : -1) / distance * window;  // sin(pi d / 2) / d
    sum += 2 * taps[k];
  }
  std::array<float, kTapPairs> scaled{};
  for (size_t k = 0; k < kTapPairs; ++k) scaled[k] = static_cast<float>(taps[k] / sum);
  return scaled;
}

const std::array<float, kTapPairs>& taps() {
  static const auto made = make_taps();
  return made;
}

constexpr float kScale = 1.0f / 32768;

void put(float value, float* out) noexcept {
  *out = value * kScale;
}
void put(float value, int16_t* out) noexcept {
  *out = static_cast<int16_t>(std::lrintf(std::clamp(value, -32768.0f, 32767.0f)));
}
void put(int16_t value, float* out) noexcept {
  *out = static_cast<float>(value) * kScale;
}
void put(int16_t value, int16_t* out) noexcept {
  *out = value;
}

/// sums[i] = what lies half-way between newer[i - 1] and newer[i], for count positions; older == newer - 1.
/// Written output by output inside, tap by tap outside, so that it is a vector loop.
void interpolate(const float* older, const float* newer, float* sums, size_t count) noexcept {
  std::fill_n(sums, count, 0.0f);
  size_t k = 0;
  for (const float tap : taps()) {
    const float* before = older - k;
    const float* after = newer + k;
    for (size_t i = 0; i < count; ++i) sums[i] += tap * (before[i] + after[i]);
    ++k;
  }
}

}  // namespace

bool Resampler::supports(int from_hz, int to_hz) noexcept {
  return from_hz > 0 && to_hz > 0 && from_hz <= 1'000'000 && to_hz <= 1'000'000 &&
         (from_hz == to_hz || from_hz == 2 * to_hz || to_hz == 2 * from_hz);
}

Resampler::Resampler(int from_hz, int to_hz)
    : ratio_(from_hz == to_hz  ? Ratio::kSame
             : from_hz < to_hz ? Ratio::kDouble
                               : Ratio::kHalve) {
  static_assert(kPairs == kTapPairs);
  if (!supports(from_hz, to_hz)) {
    throw std::invalid_argument("cannot resample from " + std::to_string(from_hz) + " Hz to " +
                                std::to_string(to_hz) + " Hz; only equal, double and half rates are made");
  }
  taps();
  reset();
}

void Resampler::reset() noexcept {
  filtered_.fill(0);
  copied_.fill(0);
  has_even_ = false;
  skip_ = ratio_ == Ratio::kDouble ? kPairs : ratio_ == Ratio::kHalve ? kPairs - 1 : 0;
}

int Resampler::lookahead_samples() const noexcept {
  return ratio_ == Ratio::kDouble ? kPairs : ratio_ == Ratio::kHalve ? 2 * kPairs - 1 : 0;
}

/// filtered_ holds history and count new samples; writes two outputs per centre.
template <class Out>
size_t Resampler::double_block(size_t count, Out* out) noexcept {
  float between[kBlock];
  interpolate(filtered_.data() + kPairs - 1, filtered_.data() + kPairs, between, count);
  const size_t first = std::min(skip_, count);
  skip_ -= first;
  Out* next = out;
  for (size_t i = first; i < count; ++i) {
    put(filtered_[kPairs - 1 + i], next++);
    put(between[i], next++);
  }
  std::copy_n(filtered_.begin() + static_cast<ptrdiff_t>(count), kHistory, filtered_.begin());
  return static_cast<size_t>(next - out);
}

/// filtered_ and copied_ hold history and one new odd and even sample for each pair.
template <class Out>
size_t Resampler::halve_block(size_t pairs, Out* out) noexcept {
  float between[kBlock];
  interpolate(filtered_.data() + kPairs - 1, filtered_.data() + kPairs, between, pairs);
  const size_t first = std::min(skip_, pairs);
  skip_ -= first;
  Out* next = out;
  for (size_t i = first; i < pairs; ++i) put(0.5f * (copied_[i] + between[i]), next++);
  std::copy_n(filtered_.begin() + static_cast<ptrdiff_t>(pairs), kHistory, filtered_.begin());
  std::copy_n(copied_.begin() + static_cast<ptrdiff_t>(pairs), kPairs - 1, copied_.begin());
  return static_cast<size_t>(next - out);
}

template <class Out>
size_t Resampler::feed(const int16_t* in, size_t count, Out* out) noexcept {
  Out* next = out;
  if (ratio_ == Ratio::kSame) {
    for (size_t i = 0; i < count; ++i) put(in[i], next++);
    return count;
  }
  if (ratio_ == Ratio::kDouble) {
    while (count > 0) {
      const size_t taken = std::min(count, kBlock);
      for (size_t i = 0; i < taken; ++i) filtered_[kHistory + i] = in[i];
      next += double_block(taken, next);
      in += taken;
      count -= taken;
    }
    return static_cast<size_t>(next - out);
  }
  while (count > 0) {
    size_t pairs = 0;
    for (; count > 0 && pairs < kBlock; --count, ++in) {
      if (has_even_) {
        copied_[kPairs - 1 + pairs] = even_;
        filtered_[kHistory + pairs] = *in;
        ++pairs;
      } else {
        even_ = *in;
      }
      has_even_ = !has_even_;
    }
    next += halve_block(pairs, next);
  }
  return static_cast<size_t>(next - out);
}

template <class Out>
size_t Resampler::finish(Out* out) noexcept {
  static constexpr int16_t kSilence[2 * kPairs] = {};
  // Halving an odd number of samples: one more completes the last pair.
  const auto owed =
      static_cast<size_t>(lookahead_samples()) - (ratio_ == Ratio::kHalve && !has_even_ ? 1 : 0);
  const size_t written = feed(kSilence, owed, out);
  reset();
  return written;
}

size_t Resampler::process(const int16_t* in, size_t count, float* out) noexcept {
  return feed(in, count, out);
}
size_t Resampler::process(const int16_t* in, size_t count, int16_t* out) noexcept {
  return feed(in, count, out);
}
size_t Resampler::flush(float* out) noexcept {
  return finish(out);
}
size_t Resampler::flush(int16_t* out) noexcept {
  return finish(out);
}

std::vector<int16_t> resample(const int16_t* in, size_t count, int from_hz, int to_hz) {
  Resampler resampler(from_hz, to_hz);
  std::vector<int16_t> out(resampler.max_output(count));
  size_t written = resampler.process(in, count, out.data());
  written += resampler.flush(out.data() + written);
  out.resize(written);
  return out;
}

}  // namespace offhook
