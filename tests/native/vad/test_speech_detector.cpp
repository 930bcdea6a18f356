// The whole way from samples to events, on recorded speech.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support.h"
#include "vad/speech_detector.h"

using offhook::Endpointer;
using offhook::EventKind;
using offhook::SileroBatch;
using offhook::SileroState;
using offhook::SpeechDetector;
using offhook::SpeechEvent;
using offhook::test::append;
using offhook::test::append_silence;
using offhook::test::noise;
using offhook::test::Samples;

namespace {

struct Noticed {
  SpeechEvent event;
  int64_t now_samples;
};

struct Result {
  std::vector<Noticed> noticed;
  uint64_t run = 0, skipped = 0;
  std::string kinds() const {
    std::string out;
    for (const auto& n : noticed) out += "SPRXE"[static_cast<int>(n.event.kind)];
    return out;
  }
};

Result detect(const Samples& audio, int rate_hz = 8000, size_t frame = 160) {
  SileroBatch batch(*offhook::test::silero(), 1);
  SpeechDetector detector(rate_hz, 100, 450);
  Result result;
  const auto take = [&](const Endpointer::Events& events, int64_t now) {
    for (const auto& event : events) result.noticed.push_back({event, now});
  };
  for (size_t at = 0; at < audio.size(); at += frame) {
    const size_t stop = std::min(at + frame, audio.size());
    for (size_t from = at; from < stop;) {
      Endpointer::Events events;
      from += detector.push(audio.data() + from, stop - from, &events);
      while (const float* window = detector.window()) {
        SileroState* state = detector.state();
        float probability = 0;
        batch.run(&window, &state, &probability, 1);
        detector.answer(probability, &events);
      }
      take(events, static_cast<int64_t>(stop));
    }
  }
  Endpointer::Events events;
  detector.finish(&events);
  take(events, static_cast<int64_t>(audio.size()));
  result.run = detector.windows_run();
  result.skipped = detector.windows_skipped();
  return result;
}

/// One second of line, the phrase, two seconds of line.  The recordings have 30 ms before and after what is
/// audible.
Samples around(const Samples& phrase, double noise_db) {
  Samples audio;
  append_silence(&audio, 8000);
  append(&audio, phrase);
  append_silence(&audio, 16000);
  const auto line = noise(noise_db, audio.size());
  for (size_t i = 0; i < audio.size(); ++i)
    audio[i] = static_cast<int16_t>(std::clamp(audio[i] + line[i], -32768, 32767));
  return audio;
}

constexpr const char* kPhrases[] = {"insurance", "children", "emergency", "stop"};
constexpr int64_t kMs = 8;  // samples

}  // namespace

TEST_CASE("real phrases are found where they are, on a quiet line") {
  for (const char* name : kPhrases) {
    CAPTURE(name);
    const auto phrase = offhook::test::speech(name);
    const auto result = detect(around(phrase, -65));
    CAPTURE(result.kinds());
    const int64_t onset = 8000 + 240, end = 8000 + static_cast<int64_t>(phrase.size()) - 240;
    REQUIRE(result.noticed.size() >= 3);
    const auto& started = result.noticed.front();
    const auto& stopped = result.noticed.back();
    const auto& paused = result.noticed[result.noticed.size() - 2];
    CHECK(started.event.kind == EventKind::kSpeechStarted);
    CHECK(std::abs(started.event.position_samples - onset) <= 60 * kMs);
    CHECK(started.now_samples - onset <= 200 * kMs);
    CHECK(stopped.event.kind == EventKind::kSpeechStopped);
    CHECK(std::abs(stopped.event.position_samples - end) <= 60 * kMs);
    CHECK(stopped.now_samples - end <= 500 * kMs);
    CHECK(paused.event.position_samples == stopped.event.position_samples);
    CHECK(paused.now_samples - end <= 150 * kMs);
    CHECK(stopped.event.voiced_ms >= 500);
    CHECK(result.kinds().find('X') == result.kinds().size() - 1);  // one utterance each
  }
}

TEST_CASE("and in noise, with wider bounds") {
  for (const char* name : kPhrases) {
    for (const double noise_db : {-45.0, -40.0}) {
      CAPTURE(name);
      CAPTURE(noise_db);
      const auto phrase = offhook::test::speech(name);
      const auto result = detect(around(phrase, noise_db));
      CAPTURE(result.kinds());
      const int64_t onset = 8000 + 240, end = 8000 + static_cast<int64_t>(phrase.size()) - 240;
      REQUIRE(result.noticed.size() >= 3);
      CHECK(std::abs(result.noticed.front().event.position_samples - onset) <= 150 * kMs);
      CHECK(std::abs(result.noticed.back().event.position_samples - end) <= 200 * kMs);
      CHECK(result.noticed.back().now_samples - end <= 650 * kMs);
    }
  }
}

TEST_CASE("noise alone, music-like tones and clicks start nothing, and silence is not computed") {
  const auto hiss = detect(noise(-50, 20 * 8000));
  CHECK(hiss.kinds().empty());
  CHECK(hiss.skipped > hiss.run);
  CHECK(detect(noise(-20, 20 * 8000)).kinds().empty());
  CHECK(detect(offhook::test::sine(440, 8000, 10 * 8000)).kinds().empty());
  const auto nothing = detect(Samples(20 * 8000, 0));
  CHECK(nothing.kinds().empty());
  CHECK(nothing.run <= 5);
  Samples clicks = noise(-60, 10 * 8000);
  for (size_t i = 4000; i < clicks.size(); i += 3000) clicks[i] = 32000;
  CHECK(detect(clicks).kinds().empty());
}

TEST_CASE("frames of any size give the same events") {
  const auto audio = around(offhook::test::speech("emergency"), -60);
  const auto expected = detect(audio);
  for (const size_t frame : {size_t{1}, size_t{80}, size_t{333}, size_t{4000}}) {
    CAPTURE(frame);
    const auto result = detect(audio, 8000, frame);
    REQUIRE(result.kinds() == expected.kinds());
    for (size_t i = 0; i < result.noticed.size(); ++i) {
      CHECK(result.noticed[i].event.position_samples == expected.noticed[i].event.position_samples);
      CHECK(result.noticed[i].event.voiced_ms == expected.noticed[i].event.voiced_ms);
    }
  }
}

TEST_CASE("a wideband stream finds the same speech at its own positions") {
  const auto narrow = around(offhook::test::speech("emergency"), -62);
  const auto wide = offhook::resample(narrow.data(), narrow.size(), 8000, 16000);
  const auto a = detect(narrow);
  const auto b = detect(wide, 16000, 320);
  REQUIRE(a.kinds() == b.kinds());
  for (size_t i = 0; i < a.noticed.size(); ++i) {
    CHECK(std::abs(b.noticed[i].event.position_samples - 2 * a.noticed[i].event.position_samples) <= 16 * 30);
  }
}

TEST_CASE("speech that comes after minutes of skipped silence is found as well") {
  Samples audio = noise(-62, 60 * 8000);
  const auto rest = around(offhook::test::speech("stop"), -62);
  const auto offset = static_cast<int64_t>(audio.size());
  append(&audio, rest);
  const auto late = detect(audio), early = detect(rest);
  REQUIRE(late.noticed.size() == early.noticed.size());
  CHECK(std::abs(late.noticed[0].event.position_samples - offset - early.noticed[0].event.position_samples) <=
        30 * kMs);
  CHECK(late.noticed[0].now_samples - offset - early.noticed[0].now_samples <= 40 * kMs);
}
