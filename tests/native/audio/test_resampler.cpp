#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "audio/resampler.h"
#include "support.h"

using offhook::resample;
using offhook::Resampler;
using offhook::test::noise;
using offhook::test::Samples;
using offhook::test::sine;

namespace {

/// Amplitude of one frequency in the middle of the signal, whole periods under a Hann window.
double amplitude(const Samples& signal, double hz, int rate_hz) {
  const size_t from = signal.size() / 4, count = signal.size() / 2;
  std::complex<double> sum = 0;
  double weight = 0;
  for (size_t i = 0; i < count; ++i) {
    const double hann =
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(count));
    sum += hann * signal[from + i] *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(from + i) / rate_hz);
    weight += hann;
  }
  return 2 * std::abs(sum) / weight;
}

double db(double ratio) {
  return 20 * std::log10(std::max(ratio, 1e-9));
}

}  // namespace

TEST_CASE("ratios") {
  CHECK(Resampler::supports(8000, 16000));
  CHECK(Resampler::supports(16000, 8000));
  CHECK(Resampler::supports(24000, 48000));
  CHECK(Resampler::supports(8000, 8000));
  CHECK_FALSE(Resampler::supports(8000, 48000));
  CHECK_FALSE(Resampler::supports(0, 0));
  CHECK_FALSE(Resampler::supports(-8000, -16000));
  CHECK_THROWS_AS(Resampler(8000, 11025), std::invalid_argument);
}

TEST_CASE("doubling: a sine stays that sine, in amplitude, phase and length") {
  for (const double hz : {100.0, 300.0, 1000.0, 2000.0, 3000.0, 3400.0}) {
    CAPTURE(hz);
    const auto in = sine(hz, 8000, 8000);
    const auto out = resample(in.data(), in.size(), 8000, 16000);
    const auto expected = sine(hz, 16000, 16000);
    REQUIRE(out.size() == expected.size());
    int worst = 0;
    for (size_t i = 200; i + 200 < out.size(); ++i) worst = std::max(worst, std::abs(out[i] - expected[i]));
    CHECK(worst <= 25);  // 0.02 dB of 10,000
  }
}

TEST_CASE("halving: a sine of the telephone band stays that sine") {
  for (const double hz : {100.0, 1000.0, 3000.0, 3400.0}) {
    CAPTURE(hz);
    const auto in = sine(hz, 16000, 16000);
    const auto out = resample(in.data(), in.size(), 16000, 8000);
    const auto expected = sine(hz, 8000, 8000);
    REQUIRE(out.size() == expected.size());
    int worst = 0;
    for (size_t i = 200; i + 200 < out.size(); ++i) worst = std::max(worst, std::abs(out[i] - expected[i]));
    CHECK(worst <= 25);
  }
}

TEST_CASE("doubling: the mirror image is at least 70 dB down") {
  for (const double hz : {300.0, 1000.0, 2000.0, 3000.0, 3400.0}) {
    CAPTURE(hz);
    const auto in = sine(hz, 8000, 16000, 30'000);
    const auto out = resample(in.data(), in.size(), 8000, 16000);
    CHECK(db(amplitude(out, 8000 - hz, 16000) / amplitude(out, hz, 16000)) < -70);
  }
}

TEST_CASE("halving: what would fold into the telephone band is at least 70 dB down") {
  for (const double hz : {4600.0, 5000.0, 6000.0, 7900.0}) {
    CAPTURE(hz);
    const auto in = sine(hz, 16000, 32000, 30'000);
    const auto out = resample(in.data(), in.size(), 16000, 8000);
    CHECK(db(amplitude(out, 8000 - hz, 8000) / 30'000) < -70);
  }
}

TEST_CASE("any chunk sizes give the same output") {
  const auto in = noise(-12, 5003);
  for (const auto& [from, to] : {std::pair{8000, 16000}, {16000, 8000}, {8000, 8000}}) {
    CAPTURE(from);
    CAPTURE(to);
    const auto whole = resample(in.data(), in.size(), from, to);
    CHECK(whole.size() ==
          (in.size() * static_cast<size_t>(to) + static_cast<size_t>(from) - 1) / static_cast<size_t>(from));
    for (const size_t chunk : {size_t{1}, size_t{2}, size_t{7}, size_t{160}, size_t{257}, size_t{1000}}) {
      CAPTURE(chunk);
      Resampler resampler(from, to);
      Samples out;
      for (size_t at = 0; at < in.size(); at += chunk) {
        const size_t count = std::min(chunk, in.size() - at);
        Samples block(resampler.max_output(count));
        block.resize(resampler.process(in.data() + at, count, block.data()));
        offhook::test::append(&out, block);
      }
      Samples rest(resampler.max_output(0));
      rest.resize(resampler.flush(rest.data()));
      offhook::test::append(&out, rest);
      CHECK(out == whole);
    }
  }
}

TEST_CASE("an output comes as soon as its lookahead is known") {
  Resampler up(8000, 16000), down(16000, 8000);
  float out[200];
  int16_t in[64] = {};
  in[0] = 1000;
  CHECK(up.process(in, static_cast<size_t>(up.lookahead_samples()), out) == 0);
  CHECK(up.process(in + up.lookahead_samples(), 1, out) == 2);
  CHECK(out[0] == doctest::Approx(1000.0 / 32768));  // the first sample itself, in its place
  CHECK(down.process(in, static_cast<size_t>(down.lookahead_samples()), out) == 0);
  CHECK(down.process(in + down.lookahead_samples(), 1, out) == 1);
  CHECK(out[0] == doctest::Approx(500.0 / 32768).epsilon(0.01));
}

TEST_CASE("short and empty inputs") {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{15}, size_t{31}}) {
    CAPTURE(count);
    const Samples in(count, 1000);
    CHECK(resample(in.data(), count, 8000, 16000).size() == 2 * count);
    CHECK(resample(in.data(), count, 16000, 8000).size() == (count + 1) / 2);
    CHECK(resample(in.data(), count, 16000, 16000) == in);
  }
}

TEST_CASE("full scale saturates and does not wrap") {
  Samples in(2000);
  for (size_t i = 0; i < in.size(); ++i) in[i] = i / 40 % 2 ? int16_t{32767} : int16_t{-32768};
  const auto out = resample(in.data(), in.size(), 8000, 16000);
  for (size_t i = 0; i < in.size(); ++i) CHECK(out[2 * i] == in[i]);
  for (size_t i = 2 * 10 + 1; i < 2 * 30; i += 2)
    CHECK(out[i] < 0);  // inside the first plateau: overshoot stays negative
}
