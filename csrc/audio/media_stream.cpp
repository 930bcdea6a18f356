#include "audio/media_stream.h"

#include <stdexcept>
#include <string>

namespace offhook {
namespace {

// A round may read this much before the detector looks at it.
constexpr int kLeastRingMs = 2'000;
constexpr int kMostRingMs = 600'000;
// Keys and chan_websocket's events: some thirty of the latter, which come a few a second.
constexpr size_t kMessageRingBytes = 8192;

size_t ring_samples(const StreamOptions& options) {
  if (!SpeechDetector::supports(options.rate_hz)) {
    throw std::invalid_argument("rate_hz is " + std::to_string(options.rate_hz) +
                                "; it can be 8000 or 16000");
  }
  if (options.ring_ms < kLeastRingMs || options.ring_ms > kMostRingMs) {
    throw std::invalid_argument("ring_ms is " + std::to_string(options.ring_ms) +
                                "; it can be 2000 to 600000");
  }
  return static_cast<size_t>(options.ring_ms) * static_cast<size_t>(options.rate_hz) / 1000;
}

}  // namespace

MediaStream::MediaStream(uint64_t id, const StreamOptions& options)
    : id_(id),
      rate_hz_(options.rate_hz),
      ring_(ring_samples(options)),
      endpointing_ms_(options.endpointing_ms),
      messages_(options.framing == Framing::kRaw ? 0 : kMessageRingBytes),
      decoder_(options.framing, options.rate_hz),
      detector_(options.rate_hz, options.pause_ms, options.endpointing_ms),
      applied_endpointing_ms_(options.endpointing_ms) {}

}  // namespace offhook
