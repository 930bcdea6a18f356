// A line's sender, driven step by step with a time that the test gives, over real sockets.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "audio/sender.h"
#include "support.h"

using offhook::FileDescriptor;
using offhook::Framing;
using offhook::PlayoutBuffer;
using offhook::Sender;
using offhook::SenderEvent;
using offhook::SenderOptions;
using offhook::test::Samples;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kBegin = 1'000'000 * kMs;
constexpr size_t kFrame = 160;

struct Sockets {
  Sockets() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw std::runtime_error("socketpair");
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
  }
  FileDescriptor ours, theirs;
};

struct Bench {
  explicit Bench(SenderOptions options = {}) : sender(7, sockets.ours.get(), options, kBegin) {}

  /// Lets time pass, with a tick whenever one is due.
  void run(int64_t ms) {
    const int64_t until = now + ms * kMs;
    for (int64_t due = sender.due_ns(); due <= until; due = sender.due_ns()) {
      now = std::max(now, due);
      sender.tick(now);
      if (peer_reads) take();
    }
    now = until;
  }
  /// Time passes, and nobody has ticked.
  void stand_still(int64_t ms) { now += ms * kMs; }

  /// What has come since the last time.
  std::string received() {
    take();
    return std::exchange(taken, {});
  }
  void take() {
    char bytes[4096];
    for (ssize_t got; sockets.theirs.is_open() &&
                      (got = ::recv(sockets.theirs.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
      taken.append(bytes, static_cast<size_t>(got));
    }
  }
  /// The samples of the AudioSocket frames that came.
  Samples audio() {
    Samples out;
    const std::string bytes = received();
    for (size_t at = 0; at < bytes.size(); at += 3 + kFrame * 2) {
      REQUIRE(bytes[at] == '\x10');
      REQUIRE(bytes.size() >= at + 3 + kFrame * 2);
      const auto* samples = reinterpret_cast<const int16_t*>(bytes.data() + at + 3);
      for (size_t i = 0; i < kFrame; ++i) {
        int16_t sample;
        std::memcpy(&sample, samples + i, sizeof sample);
        out.push_back(sample);
      }
    }
    return out;
  }
  std::vector<SenderEvent> events() {
    SenderEvent both[2];
    const int count = sender.take_events(both);
    return {both, both + count};
  }
  std::shared_ptr<PlayoutBuffer> answer(const Samples& content, bool finish = true) {
    auto buffer = std::make_shared<PlayoutBuffer>(8000);
    buffer->write(content.data(), content.size());
    if (finish) buffer->finish();
    return buffer;
  }

  Sockets sockets;
  Sender sender;
  int64_t now = kBegin;
  bool peer_reads = true;
  std::string taken;
};

/// 1, 2, 3, ...: every sample says where it belongs.
Samples counting(size_t count, int first = 1) {
  Samples out(count);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<int16_t>(first + static_cast<int>(i));
  return out;
}

Samples without_silence(const Samples& audio) {
  Samples out;
  for (const int16_t sample : audio) {
    if (sample != 0) out.push_back(sample);
  }
  return out;
}

}  // namespace

TEST_CASE("a line is never silent: frames of silence every 20 ms from the first moment") {
  Bench bench;
  bench.run(0);
  CHECK(bench.audio().size() == kFrame);
  bench.run(1'000);
  CHECK(bench.audio() == Samples(50 * kFrame, 0));
  CHECK(bench.sender.frames_sent() == 51);
}

TEST_CASE(
    "an answer begins at once, is sent whole and in order, and its end is told when it has been heard") {
  Bench bench;
  bench.run(105);
  bench.audio();
  const auto answer = bench.answer(counting(1'000));  // six frames and a bit
  const uint64_t playback = bench.sender.play(answer, 0, bench.now);
  bench.run(0);
  CHECK(bench.audio() == counting(kFrame));  // and not when the next silence was due
  bench.run(139);
  CHECK(bench.events().empty());
  CHECK(bench.sender.playing());
  bench.run(1);
  const auto events = bench.events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].sender_id == 7);
  CHECK(events[0].playback == playback);
  CHECK(events[0].kind == SenderEvent::Kind::kEnded);
  CHECK(without_silence(bench.audio()) == counting(840, 161));
  CHECK(answer->position(bench.now) == 1'000);
  // Over a second as many frames as its milliseconds have room for: what was early is made up for.
  bench.run(1'000 - 245);
  CHECK(bench.sender.frames_sent() == 51);
  Samples heard(1'000);
  answer->played(kBegin + 105 * kMs, heard.data(), 1'000);
  CHECK(heard == counting(1'000));
}

TEST_CASE("a stop is exact, and the rest goes on with the very next sample") {
  Bench bench;
  const auto answer = bench.answer(counting(3'200));
  bench.sender.play(answer, 0, bench.now);
  bench.run(110);  // the sixth frame is on its way
  CHECK(bench.sender.stop(bench.now));
  CHECK(!bench.sender.stop(bench.now));
  CHECK(answer->position(bench.now) == 6 * 160);
  const Samples first = without_silence(bench.audio());
  bench.run(500);
  CHECK(without_silence(bench.audio()).empty());
  bench.sender.play(answer, answer->file_position(answer->position(bench.now)), bench.now);
  bench.run(2'000);
  Samples all = first;
  offhook::test::append(&all, without_silence(bench.audio()));
  CHECK(all == counting(3'200));
  CHECK(bench.events().size() == 1);
  Samples between(8 * 500);
  answer->played(kBegin + 120 * kMs, between.data(), 8 * 480);
  CHECK(without_silence(between).empty());
}

TEST_CASE("a voice that is late is waited for in silence, and nothing of it is lost") {
  Bench bench;
  const auto answer = bench.answer(counting(250), false);
  bench.sender.play(answer, 0, bench.now);
  bench.run(200);
  CHECK(answer->underruns() == 1);
  CHECK(answer->position(bench.now) == 250);
  const Samples rest = counting(400, 251);
  answer->write(rest.data(), rest.size());
  answer->finish();
  bench.run(200);
  const Samples audio = bench.audio();
  CHECK(without_silence(audio) == counting(650));
  CHECK(answer->padded_samples() > 0);
  CHECK(bench.events().size() == 1);
}

TEST_CASE("being a little late is caught up; standing still costs that time and no more") {
  Bench bench;
  const auto answer = bench.answer(counting(16'000));
  bench.sender.play(answer, 0, bench.now);
  bench.run(100);
  bench.audio();
  bench.stand_still(50);
  bench.run(0);
  CHECK(bench.audio().size() == 2 * kFrame);
  CHECK(bench.sender.skipped_ns() == 0);
  const int64_t before = answer->position(bench.now);
  bench.stand_still(2'000);
  bench.run(0);
  CHECK(bench.audio() == counting(kFrame, static_cast<int>(before) + 1));  // one frame, not a hundred
  CHECK(bench.sender.skipped_ns() > 1'900 * kMs);
  bench.run(100);
  CHECK(bench.audio() == counting(5 * kFrame, static_cast<int>(before) + 161));
  // The timeline knows of it: nothing was heard while nothing was sent.
  Samples heard(8 * 1'900);
  answer->played(bench.now - 2'050 * kMs, heard.data(), 8 * 1'900);
  CHECK(without_silence(heard).empty());
}

TEST_CASE("a peer that stands still for two seconds gets what its socket held, then what is due") {
  Bench bench;
  const auto answer = bench.answer(counting(30'000));
  bench.sender.play(answer, 0, bench.now);
  bench.run(100);
  const Samples before = bench.audio();
  bench.peer_reads = false;
  const int64_t sent_before = bench.sender.frames_sent();
  bench.run(2'000);
  const int64_t held = bench.sender.frames_sent() - sent_before;
  CHECK(held <= Sender::kSendBufferMs / 20 + 15);  // a Unix socket counts its own way; never seconds
  const Samples backlog = bench.audio();           // it reads again
  bench.run(5);
  bench.run(100);
  const Samples after = bench.audio();
  CHECK(after.size() >= 5 * kFrame);
  CHECK(after.size() <= 8 * kFrame);
  Samples all = before;
  offhook::test::append(&all, backlog);
  offhook::test::append(&all, after);
  CHECK(all == counting(all.size()));  // nothing was lost or came twice
  CHECK(bench.sender.skipped_ns() > 1'000 * kMs);
}

TEST_CASE("a peer that takes nothing any more, or has gone, is told of once") {
  for (const bool gone : {false, true}) {
    Bench bench;
    bench.peer_reads = false;
    const auto answer = bench.answer(counting(16'000));
    const uint64_t playback = bench.sender.play(answer, 0, bench.now);
    if (gone) bench.sockets.theirs.reset();
    bench.run(Sender::kMostBlockedMs + 3'000);
    const auto events = bench.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == SenderEvent::Kind::kBroken);
    CHECK(events[0].playback == playback);
    CHECK(bench.sender.broken());
    CHECK(!bench.sender.playing());
    CHECK(bench.sender.due_ns() == Sender::kNever);
    CHECK_THROWS_AS(bench.sender.play(answer, 0, bench.now), std::system_error);
    CHECK_THROWS_AS(bench.sender.send_message(0, "", 0, bench.now), std::system_error);
    CHECK(bench.events().empty());
  }
}

TEST_CASE("messages go between frames, at once where they can") {
  Bench bench;
  bench.run(100);
  bench.received();
  bench.sender.send_message(0x00, "", 0, bench.now);
  CHECK(bench.received() == std::string("\0\0\0", 3));
  bench.peer_reads = false;
  bench.run(2'000);
  // The socket is full, perhaps within a frame: messages wait behind it, up to a bound.
  size_t sent = 0;
  CHECK_THROWS_AS(
      [&] {
        for (; sent < 2'000; ++sent) bench.sender.send_message(0x03, "#", 1, bench.now);
      }(),
      std::length_error);
  CHECK(sent >= 900);
  size_t keys = 0;
  bench.peer_reads = true;
  bench.run(1'000);
  const std::string bytes = bench.received();
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = static_cast<size_t>(static_cast<unsigned char>(bytes[at + 1])) << 8 |
                        static_cast<unsigned char>(bytes[at + 2]);
    REQUIRE((bytes[at] == '\x10' || bytes[at] == '\x03'));
    keys += bytes[at] == '\x03';
    at += 3 + size;
  }
  CHECK(keys == sent);
  CHECK_THROWS_AS(bench.sender.send_message(0x03, std::string(126, 'x').data(), 126, bench.now),
                  std::length_error);
}

TEST_CASE("a side with a queue of its own is sent frames ahead, and none while nothing is said") {
  SenderOptions options;
  options.framing = Framing::kWebSocket;
  options.lead_ms = 200;
  options.rate_hz = 16'000;
  Bench bench(options);
  bench.run(1'000);
  CHECK(bench.received().empty());
  auto answer = std::make_shared<PlayoutBuffer>(16'000);
  const Samples content = counting(16'000);
  answer->write(content.data(), content.size());
  bench.sender.play(answer, 0, bench.now);
  bench.run(0);
  const std::string ahead = bench.received();
  CHECK(ahead.size() == 11 * 644);
  CHECK(ahead.substr(0, 4) == std::string("\x82\x7e\x02\x80", 4));
  bench.run(50);
  CHECK(answer->position(bench.now) == 3 * 320);  // what is heard, not what was sent
  // Thrown away over there, and gone on with from what was heard: by the clock, or as somebody knows better.
  CHECK(bench.sender.stop(bench.now));
  bench.received();
  CHECK(answer->position(bench.now + 500 * kMs) == 3 * 320);
  CHECK(bench.sender.sent_samples() == 13 * 320);
  answer->audible_until(bench.sender.sent_samples() - 12 * 320);
  CHECK(answer->position(bench.now + 500 * kMs) == 320);
  answer->audible_until(99'999);
  CHECK(answer->position(bench.now + 5'000 * kMs) == 16'000);
  answer->audible_until(3 * 320);
  CHECK(answer->position(bench.now + 500 * kMs) == 3 * 320);
  answer->finish();
  bench.sender.play(answer, 3 * 320, bench.now + 10 * kMs);
  bench.run(10 + 939);
  CHECK(bench.events().empty());
  bench.run(1);
  CHECK(bench.events().size() == 1);
  CHECK(bench.received().size() == 47 * 644);
  bench.run(1'000);
  CHECK(bench.received().empty());
}

TEST_CASE("with a queue, a late voice is made up for only just in time") {
  SenderOptions options;
  options.framing = Framing::kWebSocket;
  options.lead_ms = 200;
  Bench bench(options);
  const auto answer = bench.answer(counting(1'600), false);  // 200 ms
  bench.sender.play(answer, 0, bench.now);
  bench.run(110);
  CHECK(answer->padded_samples() == 0);
  const Samples rest = counting(160, 1'601);
  answer->write(rest.data(), rest.size());
  bench.run(60);
  CHECK(answer->padded_samples() > 0);
  CHECK(answer->padded_samples() <= 4 * 160);
}

TEST_CASE("what is wrong is said at once") {
  Sockets sockets;
  SenderOptions options;
  options.rate_hz = 44'100;
  CHECK_THROWS_AS(Sender(1, sockets.ours.get(), options, 0), std::invalid_argument);
  options = {};
  options.lead_ms = 30;
  CHECK_THROWS_AS(Sender(1, sockets.ours.get(), options, 0), std::invalid_argument);
  CHECK_THROWS_AS(Sender(1, 9'999, {}, 0), std::system_error);
  Bench bench;
  CHECK_THROWS_AS(bench.sender.play(std::make_shared<PlayoutBuffer>(16'000), 0, bench.now),
                  std::invalid_argument);
  const auto answer = bench.answer(counting(160));
  CHECK_THROWS_AS(bench.sender.play(answer, 161, bench.now), std::invalid_argument);
  bench.sender.play(answer, 0, bench.now);
  CHECK_THROWS_AS(bench.sender.play(answer, 0, bench.now), std::invalid_argument);
  bench.sender.close(bench.now);
  bench.sender.close(bench.now);
  CHECK(!answer->playing());
  CHECK(bench.events().empty());
  CHECK(Sender::live() == 1);
}
