#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "audio/playout_timeline.h"
#include "support.h"

using offhook::PlayoutTimeline;
using offhook::test::Samples;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 5'000'000'000'000'000;  // a machine that has been up for two months

/// 1, 2, 3, ...: every sample says where it belongs.
Samples counting(size_t count, int first = 1) {
  Samples out(count);
  std::iota(out.begin(), out.end(), static_cast<int16_t>(first));
  return out;
}

void write(PlayoutTimeline* timeline, const Samples& audio) {
  timeline->reserve(audio.size());
  timeline->append(audio.data(), audio.size());
}

/// What PlayoutFile does at a moment, without a file.
void pad(PlayoutTimeline* timeline, int64_t now_ns) {
  const int64_t frame = timeline->rate_hz() / 50;
  for (int64_t missing = timeline->missing_samples(now_ns); missing > 0; missing -= frame)
    timeline->pad(frame);
}

Samples played(const PlayoutTimeline& timeline, int64_t start_ns, int64_t stop_ns) {
  Samples out(static_cast<size_t>(timeline.samples_in(stop_ns - start_ns)), 99);
  timeline.played(start_ns, out.data(), static_cast<int64_t>(out.size()));
  return out;
}

}  // namespace

TEST_CASE("content that is always there is played in real time, and nothing is put in") {
  for (const int rate : {8000, 16000}) {
    CAPTURE(rate);
    PlayoutTimeline timeline(rate, 60);
    const auto audio = counting(static_cast<size_t>(rate));  // 1 s
    write(&timeline, audio);
    timeline.start(kStart, 0);
    timeline.finish();
    CHECK(timeline.due_ns() == PlayoutTimeline::kNever);
    pad(&timeline, kStart + 5000 * kMs);
    CHECK(timeline.padded_samples() == 0);
    CHECK(timeline.underruns() == 0);
    CHECK(timeline.position(kStart - 1) == 0);
    CHECK(timeline.position(kStart) == 0);
    CHECK(timeline.position(kStart + 500 * kMs) == rate / 2);
    CHECK(timeline.position(kStart + 5000 * kMs) == rate);
    auto expected = audio;
    expected.insert(expected.begin(), static_cast<size_t>(rate / 100), 0);  // 10 ms before
    expected.insert(expected.end(), static_cast<size_t>(rate / 100), 0);    // and after
    CHECK(played(timeline, kStart - 10 * kMs, kStart + 1010 * kMs) == expected);
  }
}

TEST_CASE("silence comes when content would run short, not before, and counts as one underrun") {
  PlayoutTimeline timeline(8000, 60);
  write(&timeline, counting(1600));  // 200 ms
  CHECK(timeline.due_ns() == PlayoutTimeline::kNever);
  CHECK(timeline.missing_samples(kStart) == 0);
  timeline.start(kStart, 0);
  // 60 ms before the end, to the sample.
  const int64_t due = timeline.due_ns();
  CHECK(due == kStart + 140 * kMs + 125'000);
  CHECK(timeline.missing_samples(due - 1) == 0);
  CHECK(timeline.missing_samples(due) == 1);
  pad(&timeline, due);
  CHECK(timeline.padded_samples() == 160);
  CHECK(timeline.due_ns() == due + 20 * kMs);
  pad(&timeline, due + 20 * kMs);
  pad(&timeline, due + 60 * kMs);  // a late thread puts in what is missing by now
  CHECK(timeline.padded_samples() == 4 * 160);
  CHECK(timeline.underruns() == 1);

  write(&timeline, counting(160, 1601));
  const int64_t after = timeline.due_ns();
  CHECK(after == due + 100 * kMs);
  pad(&timeline, after);
  CHECK(timeline.underruns() == 2);
  CHECK(timeline.padded_samples() == 5 * 160);
  CHECK(timeline.file_samples() == 1600 + 640 + 160 + 160);
  CHECK(timeline.content_samples() == 1760);
}

TEST_CASE("an empty file is padded from its start") {
  PlayoutTimeline timeline(16000, 60);
  timeline.start(kStart, 0);
  CHECK(timeline.due_ns() == kStart);
  CHECK(timeline.missing_samples(kStart) == 960);
  pad(&timeline, kStart);
  CHECK(timeline.file_samples() == 960);
  CHECK(timeline.underruns() == 1);
  CHECK(timeline.position(kStart + 50 * kMs) == 0);
}

TEST_CASE("positions and what was in the air leave the padding out") {
  PlayoutTimeline timeline(8000, 20);
  write(&timeline, counting(800));  // 0 - 100 ms
  timeline.start(kStart, 0);
  pad(&timeline, kStart + 90 * kMs);
  pad(&timeline, kStart + 110 * kMs);
  const int64_t gap = timeline.padded_samples();
  CHECK(gap == 2 * 160);  // 100 - 140 ms
  write(&timeline, counting(400, 801));
  timeline.finish();
  const int64_t gap_ns = gap * 125'000;

  CHECK(timeline.position(kStart + 99 * kMs) == 792);
  CHECK(timeline.position(kStart + 100 * kMs + gap_ns / 2) == 800);
  CHECK(timeline.position(kStart + 110 * kMs + gap_ns) == 880);
  CHECK(timeline.file_position(0) == 0);
  CHECK(timeline.file_position(799) == 799);
  CHECK(timeline.file_position(800) == 800 + gap);  // behind the silence
  CHECK(timeline.file_position(900) == 900 + gap);
  CHECK(timeline.file_position(1'000'000) == 1200 + gap);
  CHECK(timeline.file_position(-5) == 0);

  auto expected = counting(800);
  offhook::test::append_silence(&expected, static_cast<size_t>(gap));
  offhook::test::append(&expected, counting(400, 801));
  offhook::test::append_silence(&expected, 80);
  CHECK(played(timeline, kStart, kStart + 160 * kMs + gap_ns) == expected);
  // A part of it, from the middle of a sample's time on.
  const auto part = played(timeline, kStart + 50 * kMs + 60'000, kStart + 70 * kMs + 60'000);
  CHECK(part == Samples(expected.begin() + 400, expected.begin() + 560));
}

TEST_CASE("a stop freezes the position, and playing on from there loses nothing") {
  PlayoutTimeline timeline(8000, 20);
  write(&timeline, counting(2400));
  timeline.start(kStart, 0);
  CHECK_THROWS_AS(timeline.start(kStart, 0), std::invalid_argument);
  timeline.stop(kStart + 100 * kMs);
  timeline.stop(kStart + 150 * kMs);  // no second time
  CHECK(timeline.due_ns() == PlayoutTimeline::kNever);
  write(&timeline, counting(100, 2401));
  CHECK(timeline.position(kStart + 100 * kMs) == 800);
  CHECK(timeline.position(kStart + 300 * kMs) == 800);

  timeline.start(kStart + 500 * kMs, timeline.file_position(800));
  CHECK(timeline.position(kStart + 499 * kMs) == 800);
  CHECK(timeline.position(kStart + 510 * kMs) == 880);
  auto expected = counting(800);
  offhook::test::append_silence(&expected, 3200);
  offhook::test::append(&expected, counting(800, 801));
  CHECK(played(timeline, kStart, kStart + 600 * kMs) == expected);

  CHECK_THROWS_AS(timeline.start(kStart, 0), std::invalid_argument);
  timeline.stop(kStart + 600 * kMs);
  CHECK_THROWS_AS(timeline.start(kStart, -1), std::invalid_argument);
  CHECK_THROWS_AS(timeline.start(kStart, 2501), std::invalid_argument);
  timeline.start(kStart + 700 * kMs, 2500);  // at the end: silence until more comes
  pad(&timeline, kStart + 700 * kMs);
  CHECK(timeline.padded_samples() == 160);
}

TEST_CASE("a playback that ended before its stop was noticed had the content of its end") {
  PlayoutTimeline timeline(8000, 20);
  write(&timeline, counting(800));
  timeline.start(kStart, 0);
  timeline.finish();
  timeline.stop(kStart + 900 * kMs);
  CHECK(timeline.position(kStart + 900 * kMs) == 800);
  const auto air = played(timeline, kStart + 90 * kMs, kStart + 900 * kMs);
  CHECK(std::count(air.begin(), air.end(), int16_t{0}) == static_cast<long>(air.size()) - 80);
}

TEST_CASE("when everybody was late the reader is taken to stand at the end") {
  PlayoutTimeline timeline(8000, 60);
  write(&timeline, counting(800));  // 100 ms
  timeline.start(kStart, 0);
  pad(&timeline, kStart + 700 * kMs);       // half a second in which nothing ran
  CHECK(timeline.padded_samples() == 480);  // the lead, not 600 ms
  CHECK(timeline.underruns() == 1);
  CHECK(timeline.position(kStart + 700 * kMs) == 800);
  write(&timeline, counting(800, 801));
  CHECK(timeline.position(kStart + 760 * kMs) == 800);
  CHECK(timeline.position(kStart + 770 * kMs) == 880);
}

TEST_CASE("padding ends with the longest file, content with the longest answer") {
  PlayoutTimeline timeline(8000, 1000);
  write(&timeline, Samples(static_cast<size_t>(PlayoutTimeline::kMaxContentMs) * 8, 1));
  CHECK_THROWS_AS(timeline.reserve(1), std::invalid_argument);
  CHECK(timeline.content_samples() == 960'000);
  timeline.start(kStart, 0);
  int64_t due = timeline.due_ns();
  for (int rounds = 0; due != PlayoutTimeline::kNever; ++rounds) {
    REQUIRE(rounds < 30'000);
    pad(&timeline, due);
    due = timeline.due_ns();
  }
  CHECK(timeline.file_samples() == PlayoutTimeline::kMaxFileMs * 8);
  CHECK(timeline.missing_samples(kStart + PlayoutTimeline::kMaxFileMs * kMs) == 0);
}

TEST_CASE("the end is a whole frame, and that is no underrun") {
  PlayoutTimeline timeline(16000, 60);
  write(&timeline, counting(321));
  CHECK(timeline.tail_samples() == 319);
  timeline.append_tail(timeline.tail_samples());
  timeline.finish();
  CHECK(timeline.tail_samples() == 0);
  CHECK(timeline.file_samples() == 640);
  CHECK(timeline.underruns() == 0);
  CHECK(timeline.padded_samples() == 0);
  CHECK_THROWS_AS(timeline.reserve(1), std::invalid_argument);
}

TEST_CASE("options are checked") {
  CHECK_THROWS_AS(PlayoutTimeline(11'025, 60), std::invalid_argument);
  CHECK_THROWS_AS(PlayoutTimeline(0, 60), std::invalid_argument);
  CHECK_THROWS_AS(PlayoutTimeline(8000, 19), std::invalid_argument);
  CHECK_THROWS_AS(PlayoutTimeline(8000, 1001), std::invalid_argument);
}

TEST_CASE("at random: the file is its content and its gaps, and the air agrees with both") {
  std::mt19937 random(7);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most + 1)); };
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    PlayoutTimeline timeline(round % 2 ? 8000 : 16000, 20 + up_to(80));
    const int64_t sample_ns = 1'000'000'000 / timeline.rate_hz();
    Samples file;  // what lies on disk
    int next = 1;
    int64_t now = kStart;
    timeline.start(now, 0);
    const auto thread = [&](int64_t until) {  // as the thread does it: whenever something is due
      for (int64_t due = timeline.due_ns(); due <= until; due = timeline.due_ns()) {
        const int64_t before = timeline.file_samples();
        pad(&timeline, std::max(due, now));
        REQUIRE(timeline.file_samples() > before);
        file.resize(static_cast<size_t>(timeline.file_samples()), 0);
      }
      now = until;
      // The point of it all: Asterisk finds the next frame, whenever it looks.
      const int64_t reader = timeline.samples_in(now - kStart);
      REQUIRE(timeline.file_samples() - reader >= timeline.rate_hz() / 50);
    };
    for (int step = 0; step < 30; ++step) {
      thread(now + up_to(120) * kMs + up_to(999'999));
      const auto audio = counting(static_cast<size_t>(up_to(1500)), next);
      next += static_cast<int>(audio.size());
      write(&timeline, audio);
      offhook::test::append(&file, audio);
    }
    timeline.finish();
    REQUIRE(timeline.file_samples() == static_cast<int64_t>(file.size()));
    CHECK(played(timeline, kStart, kStart + timeline.file_samples() * sample_ns) == file);
    int64_t heard = 0, wrong = 0;
    for (size_t at = 0; at < file.size(); ++at) {
      const int64_t then = kStart + static_cast<int64_t>(at) * sample_ns;
      wrong += timeline.position(then) != heard;
      if (file[at] == 0) continue;
      wrong += timeline.file_position(heard) != static_cast<int64_t>(at);
      ++heard;
    }
    CHECK(wrong == 0);
    CHECK(heard == timeline.content_samples());
    Samples content(static_cast<size_t>(heard));
    timeline.copy(0, heard, content.data());
    CHECK(content == counting(content.size()));
  }
}
