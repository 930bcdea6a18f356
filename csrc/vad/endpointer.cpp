#include "vad/endpointer.h"

#include <algorithm>

namespace offhook {
namespace {

// Silero's verdicts.
constexpr float kOn = 0.5f;        // sure of speech
constexpr float kVerySure = 0.8f;  // sure enough for one window to start an utterance
constexpr float kOff = 0.35f;      // has let go
constexpr float kInsists = 0.9f;   // does not doubt that speech goes on
constexpr int kLagHops = 12;       // its probability falls this long after speech ended (median 116 ms)
constexpr int kLongestLagHops = 22;

// Levels, in dB.
constexpr float kFallDb = 20;       // this far below the speaker's level is not speech of this utterance
constexpr float kAboveFloorDb = 4;  // steady noise stays below floor + this
constexpr float kRiseDb = 25;       // an onset is looked for down to this below the loudest
constexpr float kTellingDb = 12;    // speech this far above the floor can be heard to fall
constexpr float kAttack = 0.4f;     // per loud hop
constexpr float kDecay = 0.012f;    // per loud hop: a second of voiced audio to forget a shout
constexpr float kDecayWindowDb = 25;

// Durations, in hops of 10 ms.
constexpr int64_t kBlipHops = 6;         // less voiced audio than this starts nothing
constexpr int64_t kOnsetReachHops = 30;  // how far back from Silero's verdict an onset may lie
constexpr int64_t kOnsetGapHops = 3;     // dips that an onset may contain
constexpr int64_t kResumeHops = 3;
constexpr int64_t kObjectionHops = 2;  // how long Silero can hold a pause back that the level announces

}  // namespace

void Endpointer::Events::add(EventKind kind, int64_t position_samples, int32_t voiced_ms) noexcept {
  if (count < kMaxEvents) items[static_cast<size_t>(count++)] = {kind, voiced_ms, position_samples};
}

Endpointer::Endpointer(int rate_hz, int pause_ms, int endpointing_ms) noexcept
    : hop_samples_(std::max(1, rate_hz / 1000 * kHopMs)),
      pause_hops_(std::max(1, pause_ms / kHopMs)),
      endpointing_hops_(std::max(1, endpointing_ms / kHopMs)) {}

void Endpointer::set_endpointing_ms(int endpointing_ms) noexcept {
  endpointing_hops_ = std::max(1, endpointing_ms / kHopMs);
}

int64_t Endpointer::loud_hops(int64_t first, int64_t last) noexcept {
  int64_t count = 0;
  for (int64_t i = std::max(first, oldest_hop()); i < last; ++i) count += hop(i).loud;
  return count;
}

float Endpointer::quiet_below_db() const noexcept {
  return std::max(speech_db_ - kFallDb, floor_db_ + kAboveFloorDb);
}

bool Endpointer::level_is_telling() const noexcept {
  return speech_db_ - floor_db_ >= kTellingDb;
}

void Endpointer::learn_speech_level(int64_t first, int64_t last) noexcept {
  for (int64_t i = std::max(first, oldest_hop()); i < last; ++i) {
    const float over = hop(i).level_db - speech_db_;
    if (over > 0) {
      speech_db_ += kAttack * over;
    } else if (over > -kDecayWindowDb) {
      speech_db_ += kDecay * over;
    }
  }
}

int64_t Endpointer::find_onset(int64_t from, int64_t not_before, float above_db) noexcept {
  not_before = std::max(not_before, oldest_hop());
  int64_t onset = from, gap = 0;
  for (int64_t i = from - 1; i >= not_before && gap <= kOnsetGapHops; --i) {
    if (hop(i).level_db >= above_db) {
      onset = i;
      gap = 0;
    } else {
      ++gap;
    }
  }
  return onset;
}

void Endpointer::push_hop(float level_db, float floor_db, Events* events) noexcept {
  floor_db_ = floor_db;
  const bool loud = level_db >= quiet_below_db();
  hop(hops_) = {level_db, loud};
  if (loud) last_loud_hop_ = hops_;
  ++hops_;
  switch (state_) {
    case State::kIdle:
      break;
    case State::kSpeech:
      voiced_hops_ += loud;
      try_pause_by_level(events);
      break;
    case State::kPause:
      try_resume_by_level(events);
      try_stop(events);
      break;
  }
}

void Endpointer::push_window(int64_t stop_samples, float probability, Events* events) noexcept {
  probability_ = probability;
  sure_windows_ = probability >= kOn ? sure_windows_ + 1 : 0;
  unsure_windows_ = probability < kOff ? unsure_windows_ + 1 : 0;
  const int64_t stop_hop = std::min(stop_samples / hop_samples_, hops_);
  const int64_t first_hop = stop_hop - 3;
  switch (state_) {
    case State::kIdle:
      try_start(stop_hop, probability, events);
      break;
    case State::kSpeech:
      if (probability >= kOn) learn_speech_level(first_hop, stop_hop);
      if (unsure_windows_ >= 1 && stop_hop - kLagHops > end_hop_) {
        // The level did not show the fall, or not yet.  Look for it inside the lag; else trust the median
        // lag.
        int64_t end = std::max(last_loud_hop_ + 1, stop_hop - kLongestLagHops);
        if (end > stop_hop - 4) end = stop_hop - kLagHops;
        pause(end, events);
        try_stop(events);
      }
      break;
    case State::kPause:
      try_resume_by_level(events);
      if (state_ == State::kPause && sure_windows_ >= 2 && stop_hop - 6 >= end_hop_ + kLongestLagHops) {
        // Soft speech: too long after the supposed end to be lag.
        float loudest = kSilenceFloorDb;
        for (int64_t i = std::max(stop_hop - 7, oldest_hop()); i < stop_hop; ++i) {
          loudest = std::max(loudest, hop(i).level_db);
        }
        speech_db_ = std::min(speech_db_, loudest + 6);
        speech_db_ = std::max(speech_db_, loudest);
        resume(find_onset(stop_hop - 1, end_hop_, std::max(floor_db_ + kAboveFloorDb, loudest - kFallDb)),
               events);
      }
      try_stop(events);
      break;
  }
}

void Endpointer::try_start(int64_t stop_hop, float probability, Events* events) noexcept {
  candidate_ = probability >= kOff && (candidate_ || probability >= kOn);
  if (sure_windows_ == 0) return;
  float loudest = kSilenceFloorDb;
  const int64_t earliest = std::max({end_hop_, oldest_hop(), stop_hop - kOnsetReachHops});
  for (int64_t i = std::max(earliest, stop_hop - 12); i < hops_; ++i)
    loudest = std::max(loudest, hop(i).level_db);
  const float above = std::max(floor_db_ + kAboveFloorDb, loudest - kRiseDb);
  int64_t from = hops_;
  while (from > earliest && hop(from - 1).level_db < above) --from;
  const int64_t onset = find_onset(from, earliest, above);
  int64_t loud = 0;
  for (int64_t i = onset; i < hops_; ++i) {
    hop(i).loud = hop(i).level_db >= above;
    loud += hop(i).loud;
    if (hop(i).loud) last_loud_hop_ = i;
  }
  if (loud < kBlipHops || (sure_windows_ < 2 && probability < kVerySure)) return;
  speech_db_ = speech_known_ ? std::max(loudest, speech_db_ - 10) : loudest;
  speech_known_ = true;
  state_ = State::kSpeech;
  candidate_ = false;
  voiced_hops_ = loud;
  end_hop_ = onset;
  events->add(EventKind::kSpeechStarted, position(onset));
}

void Endpointer::pause(int64_t end_hop, Events* events) noexcept {
  end_hop_ = std::clamp(end_hop, end_hop_, hops_);
  voiced_hops_ -= loud_hops(end_hop_, hops_);
  voiced_hops_ = std::max<int64_t>(voiced_hops_, 0);
  state_ = State::kPause;
  sure_windows_ = 0;
  events->add(EventKind::kSpeechPaused, position(end_hop_), voiced_ms());
}

void Endpointer::resume(int64_t onset_hop, Events* events) noexcept {
  onset_hop = std::clamp(onset_hop, end_hop_, hops_);
  end_hop_ = onset_hop;
  voiced_hops_ += loud_hops(onset_hop, hops_);
  last_loud_hop_ = hops_ - 1;
  state_ = State::kSpeech;
  events->add(EventKind::kSpeechResumed, position(onset_hop));
}

void Endpointer::try_pause_by_level(Events* events) noexcept {
  const int64_t quiet_hops = hops_ - 1 - last_loud_hop_;
  if (!level_is_telling() || quiet_hops < pause_hops_) return;
  // The closure of a "t" is as quiet as a pause, and noise hides soft consonants.  After speech has ended
  // Silero begins to doubt at once, long before it lets go.  A pause that was none costs a revision that is
  // thrown away, waiting costs the caller's time.  Waiting 60, 40, 20 and 0 ms for Silero, in phrases of the
  // turnaround bench: noticed 68, 53, 45 and 32 ms after the last audible sample in the median (83, 75, 57
  // and 43 ms in the upper quartile), with 1.9, 2.3, 2.7 and 3.4 pauses per phrase that were gone on after.
  if (probability_ > kInsists && quiet_hops < pause_hops_ + kObjectionHops) return;
  pause(last_loud_hop_ + 1, events);
  try_stop(events);
}

void Endpointer::try_resume_by_level(Events* events) noexcept {
  if (probability_ < kOn || hops_ - kResumeHops < end_hop_ ||
      loud_hops(hops_ - kResumeHops, hops_) < kResumeHops) {
    return;
  }
  resume(find_onset(hops_ - 1, end_hop_, quiet_below_db()), events);
}

void Endpointer::try_stop(Events* events) noexcept {
  if (state_ != State::kPause || hops_ - end_hop_ < endpointing_hops_ || probability_ >= kOn) return;
  events->add(EventKind::kSpeechStopped, position(end_hop_), voiced_ms());
  state_ = State::kIdle;
  candidate_ = false;
  sure_windows_ = 0;
}

void Endpointer::finish(int64_t length_samples, Events* events) noexcept {
  const auto close = [&](EventKind kind) {
    events->add(kind, std::min(position(end_hop_), length_samples), voiced_ms());
  };
  if (state_ == State::kSpeech) {
    end_hop_ = std::clamp(last_loud_hop_ + 1, end_hop_, hops_);
    close(EventKind::kSpeechPaused);
    state_ = State::kPause;
  }
  if (state_ == State::kPause) close(EventKind::kSpeechStopped);
  state_ = State::kIdle;
  candidate_ = false;
}

}  // namespace offhook
