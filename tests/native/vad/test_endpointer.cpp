// The endpointer's rules, on levels and probabilities made by hand.  Real speech: test_speech_detector.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "vad/endpointer.h"

using offhook::Endpointer;
using offhook::EventKind;
using offhook::SpeechEvent;

namespace {

constexpr float kFloorDb = -60;
constexpr float kSpeechDb = -20;

/// What was noticed, and how many milliseconds had been pushed by then.
struct Noticed {
  SpeechEvent event;
  int64_t now_ms;
  int64_t at_ms() const { return event.position_samples / 8; }
};

/// A line at 8 kHz with Silero's habits: its probability rises 32 ms after speech begins, and falls 120 ms
/// after it ends.
class Line {
 public:
  explicit Line(int pause_ms = 100, int endpointing_ms = 450) : endpointer(8000, pause_ms, endpointing_ms) {}

  /// ms of a level; speech says what Silero thinks of it.
  void hear(int ms, float level_db, bool speech, float floor_db = kFloorDb) {
    for (int i = 0; i < ms / 10; ++i) {
      Endpointer::Events events;
      endpointer.push_hop(level_db, floor_db, &events);
      now_ms += 10;
      if (speech) {
        since_speech = 0;
        ++speaking;
      } else {
        if (since_speech > 0) speaking = 0;
        ++since_speech;
      }
      if (now_ms / 32 != (now_ms - 10) / 32) {
        const bool sure = speech ? speaking > 3 || remembered : remembered && since_speech <= 12;
        if (speech && sure) remembered = true;
        if (!speech && since_speech > 12) remembered = false;
        endpointer.push_window(now_ms / 32 * 256, sure ? 0.95f : 0.05f, &events);
      }
      for (const auto& event : events) noticed.push_back({event, now_ms});
    }
  }
  void speak(int ms, float level_db = kSpeechDb) { hear(ms, level_db, true); }
  void rest(int ms) { hear(ms, kFloorDb, false); }

  std::string kinds() const {
    std::string out;
    for (const auto& n : noticed) out += "SPRXE"[static_cast<int>(n.event.kind)];
    return out;
  }

  Endpointer endpointer;
  int64_t now_ms = 0;
  int speaking = 0;
  int since_speech = 1000;
  bool remembered = false;
  std::vector<Noticed> noticed;
};

}  // namespace

TEST_CASE("one utterance: started, paused, stopped, at their true places") {
  Line line;
  line.rest(500);
  line.speak(800);
  line.rest(1000);
  REQUIRE(line.kinds() == "SPX");
  CHECK(line.noticed[0].at_ms() == 500);
  CHECK(line.noticed[0].now_ms <= 500 + 110);
  CHECK(line.noticed[1].at_ms() == 1300);
  CHECK(line.noticed[1].now_ms <=
        1300 + 160);  // by level, although this Silero never doubts before it lets go
  CHECK(line.noticed[1].event.voiced_ms == 800);
  CHECK(line.noticed[2].at_ms() == 1300);
  CHECK(line.noticed[2].now_ms == 1300 + 450);
  CHECK(line.noticed[2].event.voiced_ms == 800);
}

TEST_CASE("a pause in the middle is resumed, promptly, and voiced time adds up") {
  Line line;
  line.rest(500);
  line.speak(400);
  line.rest(250);
  line.speak(300);
  line.rest(600);
  REQUIRE(line.kinds() == "SPRPX");
  CHECK(line.noticed[2].at_ms() == 1150);
  CHECK(line.noticed[2].now_ms <= 1150 + 80);
  CHECK(line.noticed[3].at_ms() == 1450);
  CHECK(line.noticed[4].event.voiced_ms == 700);
}

TEST_CASE("a short closure inside a word is no pause") {
  Line line;
  line.rest(500);
  line.speak(300);
  line.rest(80);
  line.speak(300);
  CHECK(line.kinds() == "S");
}

TEST_CASE("clicks and blips start nothing") {
  Line line;
  line.rest(500);
  for (int i = 0; i < 10; ++i) {
    line.hear(40, kSpeechDb, false);  // loud, not speech
    line.rest(200);
    line.speak(40);  // speech, too short
    line.rest(300);
  }
  CHECK(line.kinds().empty());
  CHECK_FALSE(line.endpointer.active());
}

TEST_CASE("loud noise that Silero does not believe starts nothing") {
  Line line;
  line.rest(500);
  line.hear(3000, -15, false);
  CHECK(line.kinds().empty());
}

TEST_CASE("a shorter endpointing takes effect during the pause; pause always comes before stop") {
  Line line;
  line.rest(300);
  line.speak(500);
  line.rest(200);
  REQUIRE(line.kinds() == "SP");
  line.endpointer.set_endpointing_ms(150);
  line.rest(10);
  CHECK(line.kinds() == "SPX");

  Line hasty(100, 40);
  hasty.rest(300);
  hasty.speak(500);
  hasty.rest(400);
  CHECK(hasty.kinds() == "SPX");
  CHECK(hasty.noticed[2].now_ms <= 800 + 100 + 64);  // as soon as Silero has let go
}

TEST_CASE("soft speech after loud speech: the pause by level is taken back when Silero insists") {
  Line line(100, 600);
  line.rest(300);
  line.speak(500, -20);
  line.speak(600, -44);
  REQUIRE(line.kinds().substr(0, 3) == "SPR");
  CHECK(line.noticed[2].at_ms() == 800);
  CHECK(line.noticed[2].now_ms <= 800 + 330);
  line.rest(900);
  CHECK(line.kinds() == "SPRPX");
  CHECK(line.noticed[4].at_ms() == 1400);
}

TEST_CASE("noise that hides the fall: Silero decides, back-dated by its lag") {
  Line line;
  line.hear(2000, -30, false, -30);
  line.hear(600, -22, true, -30);  // 8 dB above the noise: its fall tells nothing
  line.hear(1000, -22, false, -30);
  REQUIRE(line.kinds() == "SPX");
  CHECK(line.noticed[1].at_ms() >= 2600 - 100);
  CHECK(line.noticed[1].at_ms() <= 2600 + 60);
  CHECK(line.noticed[1].now_ms <= 2600 + 190);
  CHECK(line.noticed[2].now_ms <= 2600 + 520);
}

TEST_CASE("end of stream closes what is open") {
  for (const int rest_ms : {0, 50, 200}) {
    CAPTURE(rest_ms);
    Line line;
    line.rest(300);
    line.speak(500);
    line.rest(rest_ms);
    Endpointer::Events events;
    line.endpointer.finish((800 + rest_ms) * 8, &events);
    for (const auto& event : events) line.noticed.push_back({event, line.now_ms});
    REQUIRE(line.kinds() == "SPX");
    CHECK(line.noticed[2].at_ms() == 800);
  }
  Line silent;
  silent.rest(300);
  Endpointer::Events events;
  silent.endpointer.finish(300 * 8, &events);
  CHECK(events.count == 0);
}

TEST_CASE("whatever comes, the order of events and positions holds") {
  unsigned random = 12345;
  const auto next = [&] { return random = random * 1664525u + 1013904223u, random >> 8; };
  for (int round = 0; round < 200; ++round) {
    Endpointer endpointer(8000, 40 + static_cast<int>(next() % 200), 40 + static_cast<int>(next() % 800));
    int64_t hops = 0, position = 0, windows = 0;
    auto before = EventKind::kSpeechStopped;
    bool sound = true;
    const auto check = [&](const Endpointer::Events& events) {
      for (const auto& event : events) {
        const bool opens = event.kind == EventKind::kSpeechStarted;
        const bool pauses = event.kind == EventKind::kSpeechPaused;
        const bool fits = opens ? before == EventKind::kSpeechStopped
                          : pauses
                              ? before == EventKind::kSpeechStarted || before == EventKind::kSpeechResumed
                              : before == EventKind::kSpeechPaused;
        sound = sound && fits && event.position_samples >= position && event.position_samples <= hops * 80 &&
                event.voiced_ms >= 0;
        before = event.kind;
        position = event.position_samples;
      }
    };
    for (int i = 0; i < 2000; ++i) {
      Endpointer::Events events;
      const bool calm = next() % 64 < (static_cast<unsigned>(i) / 40) % 64;
      endpointer.push_hop(calm ? -70 : -70 + static_cast<float>(next() % 60),
                          -70 + static_cast<float>(next() % 30), &events);
      ++hops;
      if (hops * 80 / 256 != windows) {
        windows = hops * 80 / 256;
        endpointer.push_window(windows * 256, calm ? 0.1f : static_cast<float>(next() % 100) / 100, &events);
      }
      check(events);
    }
    Endpointer::Events events;
    endpointer.finish(hops * 80, &events);
    check(events);
    CHECK(sound);
    CHECK(before == EventKind::kSpeechStopped);
  }
}

TEST_CASE("a doubting Silero lets the level decide at once; a sure one holds the pause back, not for ever") {
  for (const auto& [probability, due_ms] : {std::pair{0.85f, 100}, {0.95f, 120}}) {
    CAPTURE(probability);
    Endpointer endpointer(8000, 100, 1000);
    int64_t windows = 0, paused_at_ms = 0;
    for (int64_t ms = 10; ms <= 1500 && paused_at_ms == 0; ms += 10) {
      Endpointer::Events events;
      endpointer.push_hop(ms <= 1000 ? kSpeechDb : kFloorDb, kFloorDb, &events);
      if (ms / 32 != windows) {
        windows = ms / 32;
        endpointer.push_window(windows * 256, ms <= 1000 ? 0.99f : probability, &events);
      }
      for (const auto& event : events) {
        if (event.kind == EventKind::kSpeechPaused) paused_at_ms = ms;
      }
    }
    CHECK(paused_at_ms == 1000 + due_ms);
  }
}
