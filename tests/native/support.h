// What several native tests need: signals, recordings, a clock that stands still, pipes.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <numbers>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "vad/silero.h"

namespace offhook::test {

using Samples = std::vector<int16_t>;

inline Samples sine(double hz, int rate_hz, size_t count, double amplitude = 10'000) {
  Samples out(count);
  for (size_t i = 0; i < count; ++i) {
    out[i] = static_cast<int16_t>(
        std::lround(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz)));
  }
  return out;
}

/// White noise of the given level, the same for the same seed.
inline Samples noise(double level_db, size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 32768 * std::pow(10, level_db / 20));
  Samples out(count);
  for (auto& sample : out)
    sample = static_cast<int16_t>(std::clamp(std::lround(normal(random)), -32768L, 32767L));
  return out;
}

inline void append(Samples* out, const Samples& more) {
  out->insert(out->end(), more.begin(), more.end());
}
inline void append_silence(Samples* out, size_t count) {
  out->insert(out->end(), count, int16_t{0});
}

/// A recording of tests/data/speech: 8 kHz, 16-bit, mono, with the plain 44-byte header.
inline Samples speech(const std::string& name) {
  const std::string path = std::string(OFFHOOK_TEST_DATA) + "/speech/" + name + ".wav";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 1000 || std::memcmp(bytes.data(), "RIFF", 4) != 0) {
    throw std::runtime_error("cannot read " + path);
  }
  Samples out((bytes.size() - 44) / 2);
  std::memcpy(out.data(), bytes.data() + 44, out.size() * 2);
  return out;
}

/// The network, loaded once for the whole program.
inline std::shared_ptr<const SileroModel> silero() {
  static const auto model = [] {
    const char* path = std::getenv("OFFHOOK_SILERO_WEIGHTS");
    std::string error;
    std::shared_ptr<const SileroModel> loaded = SileroModel::load(path ? path : "", &error);
    if (!loaded)
      throw std::runtime_error("OFFHOOK_SILERO_WEIGHTS must name ggml-silero-v6.2.0.bin: " + error);
    return loaded;
  }();
  return model;
}

/// Time that passes when the test says so.
class FakeClock final : public Clock {
 public:
  int64_t now_ns() const noexcept override { return now_ns_.load(); }
  void advance_ms(int64_t ms) { now_ns_ += ms * 1'000'000; }

 private:
  std::atomic<int64_t> now_ns_{1'000'000'000'000};
};

/// A pipe whose write end is as Asterisk's: non-blocking, so that a full pipe loses audio.
struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  }
  /// Returns the bytes that were taken.
  size_t write(const void* bytes, size_t count) {
    const ssize_t written = ::write(writer.get(), bytes, count);
    return written < 0 ? 0 : static_cast<size_t>(written);
  }
  size_t write(const Samples& samples, size_t from, size_t count) {
    return write(samples.data() + from, std::min(count, samples.size() - from) * 2);
  }
  FileDescriptor reader, writer;
};

}  // namespace offhook::test
