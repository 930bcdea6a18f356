#include "vad/speech_detector.h"

#include <algorithm>

namespace offhook {
namespace {

// Windows of silence in a row that the network still sees: it ends an utterance on them.
constexpr int kSilentWindowsShown = 3;

}  // namespace

SpeechDetector::SpeechDetector(int rate_hz, int pause_ms, int endpointing_ms)
    : gate_(rate_hz),
      resampler_(rate_hz, kSileroRateHz),
      endpointer_(rate_hz, pause_ms, endpointing_ms),
      upsampling_(kSileroRateHz / rate_hz),
      windows_{},
      // The resampler's lookahead is put before the first window as silence, so that a window is complete
      // with the very sample that fills it and never waits for the next frame.
      filled_(upsampling_ * resampler_.lookahead_samples()) {}

size_t SpeechDetector::push(const int16_t* samples, size_t count, Endpointer::Events* events) noexcept {
  if (waiting_) return 0;
  const int64_t window = kSileroWindowSamples / upsampling_;
  const auto taken = std::min(count, static_cast<size_t>(window - pushed_ % window));
  for (size_t done = 0; done < taken;) {
    bool complete = false;
    done += gate_.push(samples + done, taken - done, &complete);
    if (complete) endpointer_.push_hop(gate_.level_db(), gate_.floor_db(), events);
  }
  float* next = windows_[static_cast<size_t>(current_)].data() + filled_;
  filled_ += static_cast<int>(resampler_.process(samples, taken, next));
  pushed_ += static_cast<int64_t>(taken);
  if (filled_ == kSileroWindowSamples) window_filled(events);
  return taken;
}

void SpeechDetector::window_filled(Endpointer::Events* events) noexcept {
  filled_ = 0;
  const int hops_of_window = kSileroWindowSamples / upsampling_ / gate_.hop_samples() + 1;
  const bool silent = gate_.silent_hops() >= hops_of_window && !endpointer_.active();
  const int silent_before = silent_windows_;
  silent_windows_ = silent ? std::min(silent_before + 1, 1 << 20) : 0;
  if (silent_windows_ > kSilentWindowsShown) {
    ++windows_skipped_;
    current_ ^= 1;
    endpointer_.push_window(pushed_ - resampler_.lookahead_samples(), 0, events);
    return;
  }
  waiting_ = true;
  replaying_ = silent_before > kSilentWindowsShown;
}

const float* SpeechDetector::window() const noexcept {
  if (!waiting_) return nullptr;
  return windows_[static_cast<size_t>(replaying_ ? current_ ^ 1 : current_)].data();
}

void SpeechDetector::answer(float probability, Endpointer::Events* events) noexcept {
  ++windows_run_;
  if (replaying_) {
    replaying_ = false;
    return;
  }
  waiting_ = false;
  current_ ^= 1;
  endpointer_.push_window(pushed_ - resampler_.lookahead_samples(), probability, events);
}

}  // namespace offhook
