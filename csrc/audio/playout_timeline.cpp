#include "audio/playout_timeline.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace offhook {
namespace {

constexpr int64_t kNsPerS = 1'000'000'000;

int64_t floor_divide(int64_t value, int64_t by) noexcept {
  const int64_t quotient = value / by;
  return quotient * by > value ? quotient - 1 : quotient;
}

}  // namespace

PlayoutTimeline::PlayoutTimeline(int rate_hz, int lead_ms)
    : rate_hz_(rate_hz),
      sample_ns_(rate_hz > 0 ? kNsPerS / rate_hz : 1),
      lead_samples_(static_cast<int64_t>(lead_ms) * rate_hz / 1000),
      most_samples_(static_cast<int64_t>(kMaxFileMs) * rate_hz / 1000) {
  if (rate_hz != 8000 && rate_hz != 16000) {
    throw std::invalid_argument("rate_hz is " + std::to_string(rate_hz) + "; it can be 8000 or 16000");
  }
  if (lead_ms < kFrameMs || lead_ms > 1000) {
    throw std::invalid_argument("lead_ms is " + std::to_string(lead_ms) + "; it can be 20 to 1000");
  }
  gaps_.reserve(16);
  playbacks_.reserve(4);
}

// --- Growing ------------------------------------------------------------------------------------------

void PlayoutTimeline::reserve(size_t count) {
  if (finished_) throw std::invalid_argument("the answer is finished: nothing can be written behind it");
  const auto most = static_cast<size_t>(kMaxContentMs) * static_cast<size_t>(rate_hz_) / 1000;
  if (count > most - content_.size()) {
    throw std::invalid_argument("an answer can be " + std::to_string(kMaxContentMs / 1000) + " s long");
  }
  const size_t wanted = content_.size() + count;
  if (wanted > content_.capacity()) content_.reserve(std::max(wanted, 2 * content_.capacity()));
}

void PlayoutTimeline::append(const int16_t* audio, size_t count) noexcept {
  if (count == 0) return;
  content_.insert(content_.end(), audio, audio + count);
  file_samples_ += static_cast<int64_t>(count);
  last_is_padding_ = false;
}

void PlayoutTimeline::pad(int64_t samples) {
  if (!last_is_padding_) ++underruns_;
  add_gap(samples);
  padded_samples_ += samples;
}

int64_t PlayoutTimeline::tail_samples() const noexcept {
  const int64_t frame = static_cast<int64_t>(kFrameMs) * rate_hz_ / 1000;
  return (frame - file_samples_ % frame) % frame;
}

void PlayoutTimeline::append_tail(int64_t samples) {
  if (samples > 0) add_gap(samples);
}

void PlayoutTimeline::add_gap(int64_t samples) {
  if (last_is_padding_) {
    gaps_.back().samples += samples;
  } else {
    gaps_.push_back({file_samples_, samples, content_samples()});
  }
  last_is_padding_ = true;
  file_samples_ += samples;
}

// --- Playing ------------------------------------------------------------------------------------------

void PlayoutTimeline::start(int64_t at_ns, int64_t offset_samples) {
  if (playing_) throw std::invalid_argument("the file plays already: stop() comes first");
  if (offset_samples < 0 || offset_samples > file_samples_) {
    throw std::invalid_argument("offset_samples is " + std::to_string(offset_samples) + "; the file has " +
                                std::to_string(file_samples_));
  }
  playbacks_.push_back({at_ns, kNever, offset_samples});
  playing_ = true;
}

void PlayoutTimeline::stop(int64_t at_ns) noexcept {
  if (!playing_) return;
  Playback& last = playbacks_.back();
  last.stop_ns = std::max(at_ns, last.start_ns);
  // Frozen: what is written from now on was not played, however late the news of the end came.
  last.stop_ns = last.start_ns + (read_by(last, last.stop_ns) - last.offset_samples) * sample_ns_;
  playing_ = false;
}

void PlayoutTimeline::audible_until(int64_t file_samples) noexcept {
  if (playing_ || playbacks_.empty()) return;
  Playback& last = playbacks_.back();
  const int64_t heard =
      std::clamp(file_samples, last.offset_samples, std::max(last.offset_samples, file_samples_));
  last.stop_ns = last.start_ns + (heard - last.offset_samples) * sample_ns_;
}

int64_t PlayoutTimeline::missing_samples(int64_t now_ns) {
  if (!playing_ || finished_ || file_samples_ >= most_samples_) return 0;
  Playback& last = playbacks_.back();
  const int64_t reader = last.offset_samples + samples_in(std::max<int64_t>(0, now_ns - last.start_ns));
  if (reader > file_samples_) {
    stop(now_ns);
    start(now_ns, file_samples_);
    return lead_samples_;
  }
  return std::max<int64_t>(0, lead_samples_ - (file_samples_ - reader));
}

int64_t PlayoutTimeline::due_ns() const noexcept {
  if (!playing_ || finished_ || file_samples_ >= most_samples_) return kNever;
  const Playback& last = playbacks_.back();
  const int64_t ahead = file_samples_ - last.offset_samples - lead_samples_ + 1;  // one sample too few then
  return last.start_ns + std::max<int64_t>(0, ahead) * sample_ns_;
}

// --- Asking -------------------------------------------------------------------------------------------

int64_t PlayoutTimeline::samples_in(int64_t duration_ns) const noexcept {
  return floor_divide(duration_ns, sample_ns_);
}

int64_t PlayoutTimeline::read_by(const Playback& playback, int64_t now_ns) const noexcept {
  const int64_t until_ns = std::clamp(now_ns, playback.start_ns, playback.stop_ns);
  return std::min(file_samples_, playback.offset_samples + samples_in(until_ns - playback.start_ns));
}

int64_t PlayoutTimeline::position(int64_t now_ns) const noexcept {
  const auto later = std::find_if(playbacks_.rbegin(), playbacks_.rend(),
                                  [&](const Playback& playback) { return playback.start_ns <= now_ns; });
  return later == playbacks_.rend() ? 0 : content_before(read_by(*later, now_ns));
}

int64_t PlayoutTimeline::content_before(int64_t file_samples) const noexcept {
  const auto gap = std::find_if(gaps_.rbegin(), gaps_.rend(),
                                [&](const Gap& each) { return each.file_start <= file_samples; });
  if (gap == gaps_.rend()) return file_samples;
  return gap->content_before + std::max<int64_t>(0, file_samples - gap->file_start - gap->samples);
}

int64_t PlayoutTimeline::file_position(int64_t content_samples) const noexcept {
  const int64_t wanted = std::clamp<int64_t>(content_samples, 0, this->content_samples());
  const auto gap = std::find_if(gaps_.rbegin(), gaps_.rend(),
                                [&](const Gap& each) { return each.content_before <= wanted; });
  if (gap == gaps_.rend()) return wanted;
  return gap->file_start + gap->samples + wanted - gap->content_before;
}

void PlayoutTimeline::played(int64_t start_ns, int16_t* out, int64_t count) const noexcept {
  std::fill_n(out, count, int16_t{0});
  for (const Playback& playback : playbacks_) {
    // out[i] is the file's sample `shift + i`, as long as the playback ran and the file goes.
    const int64_t shift = playback.offset_samples + samples_in(start_ns - playback.start_ns);
    const int64_t from = std::max(shift, playback.offset_samples);
    const int64_t to = std::min(shift + count, read_by(playback, playback.stop_ns));
    if (from < to) copy_content(from, to, out + (from - shift));
  }
}

void PlayoutTimeline::copy_content(int64_t from, int64_t to, int16_t* out) const noexcept {
  // It lies in runs: before, between and behind the gaps.
  int64_t run_file = 0, run_content = 0;
  const auto take = [&](int64_t run_stop) {
    const int64_t first = std::max(from, run_file), last = std::min(to, run_stop);
    if (first >= last) return;
    std::copy_n(content_.data() + run_content + first - run_file, last - first, out + (first - from));
  };
  for (const Gap& gap : gaps_) {
    take(gap.file_start);
    run_file = gap.file_start + gap.samples;
    run_content = gap.content_before;
  }
  take(file_samples_);
}

void PlayoutTimeline::file_audio(int64_t start, int16_t* out, int64_t count) const noexcept {
  std::fill_n(out, count, int16_t{0});
  copy_content(std::max<int64_t>(0, start), std::min(file_samples_, start + count), out);
}

void PlayoutTimeline::copy(int64_t start, int64_t stop, int16_t* out) const noexcept {
  std::copy(content_.begin() + start, content_.begin() + stop, out);
}

}  // namespace offhook
