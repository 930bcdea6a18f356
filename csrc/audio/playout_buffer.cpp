#include "audio/playout_buffer.h"

#include <algorithm>
#include <new>

namespace offhook {
namespace {

constexpr int64_t kFrameNs = PlayoutTimeline::kFrameMs * int64_t{1'000'000};

}  // namespace

PlayoutBuffer::PlayoutBuffer(int rate_hz)
    : rate_hz_(rate_hz),
      frame_samples_(static_cast<int64_t>(PlayoutTimeline::kFrameMs) * rate_hz / 1000),
      timeline_(rate_hz, PlayoutTimeline::kFrameMs) {}

// --- The voice's side ---------------------------------------------------------------------------------

void PlayoutBuffer::write(const int16_t* audio, size_t count) {
  const std::lock_guard lock(mutex_);
  timeline_.reserve(count);
  timeline_.append(audio, count);
}

void PlayoutBuffer::finish() {
  const std::lock_guard lock(mutex_);
  if (timeline_.finished()) return;
  timeline_.finish();
  timeline_.append_tail(timeline_.tail_samples());
}

// --- The sender's side --------------------------------------------------------------------------------

void PlayoutBuffer::start(int64_t at_ns, int64_t offset_samples) {
  const std::lock_guard lock(mutex_);
  timeline_.start(at_ns, offset_samples);
  start_ns_ = at_ns;
}

void PlayoutBuffer::stop(int64_t at_ns) noexcept {
  const std::lock_guard lock(mutex_);
  timeline_.stop(at_ns);
}

void PlayoutBuffer::audible_until(int64_t file_samples) noexcept {
  const std::lock_guard lock(mutex_);
  timeline_.audible_until(file_samples);
}

PlayoutBuffer::Next PlayoutBuffer::frame(int64_t at, int16_t* out) const noexcept {
  const std::lock_guard lock(mutex_);
  const int64_t left = timeline_.file_samples() - at;
  if (left <= 0 && timeline_.finished()) return Next::kOver;
  if (left < frame_samples_ && !timeline_.finished()) return Next::kLate;
  timeline_.file_audio(at, out, frame_samples_);
  return Next::kFrame;
}

bool PlayoutBuffer::pad(int64_t at) noexcept {
  const std::lock_guard lock(mutex_);
  const int64_t missing = at + frame_samples_ - timeline_.file_samples();
  if (missing <= 0) return true;
  try {
    timeline_.pad(missing);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// --- Asking -------------------------------------------------------------------------------------------

bool PlayoutBuffer::playing() const {
  const std::lock_guard lock(mutex_);
  return timeline_.playing();
}

bool PlayoutBuffer::finished() const {
  const std::lock_guard lock(mutex_);
  return timeline_.finished();
}

int64_t PlayoutBuffer::written_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.content_samples();
}

int64_t PlayoutBuffer::file_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.file_samples();
}

int64_t PlayoutBuffer::padded_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.padded_samples();
}

int64_t PlayoutBuffer::underruns() const {
  const std::lock_guard lock(mutex_);
  return timeline_.underruns();
}

int64_t PlayoutBuffer::position(int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  const int64_t since_ns = now_ns - start_ns_;
  if (since_ns > 0) now_ns = start_ns_ + (since_ns + kFrameNs - 1) / kFrameNs * kFrameNs;
  return timeline_.position(now_ns);
}

int64_t PlayoutBuffer::file_position(int64_t content_samples) const {
  const std::lock_guard lock(mutex_);
  return timeline_.file_position(content_samples);
}

void PlayoutBuffer::played(int64_t start_ns, int16_t* out, int64_t count) const {
  const std::lock_guard lock(mutex_);
  timeline_.played(start_ns, out, count);
}

int64_t PlayoutBuffer::content(int64_t start, int64_t stop, int16_t* out) const {
  const std::lock_guard lock(mutex_);
  start = std::clamp<int64_t>(start, 0, timeline_.content_samples());
  stop = std::clamp(stop, start, timeline_.content_samples());
  timeline_.copy(start, stop, out);
  return stop - start;
}

}  // namespace offhook
