// The media loop, run step by step by the test, on real pipes and with a clock that the test moves.
//
// Above 400 lines because all of it runs on one loop with a clock of its own.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "audio/media_loop.h"
#include "support.h"

using offhook::EventKind;
using offhook::MediaEvent;
using offhook::MediaLoop;
using offhook::MediaStream;
using offhook::StreamOptions;
using offhook::test::append;
using offhook::test::append_silence;
using offhook::test::FakeClock;
using offhook::test::Pipe;
using offhook::test::Samples;

namespace {

struct Bench {
  explicit Bench(size_t max_streams = 8, size_t event_places = 64)
      : loop(*offhook::test::silero(), clock, max_streams, event_places) {}

  void step() { loop.run_once(0); }

  std::shared_ptr<MediaStream> add(Pipe* pipe, StreamOptions options = {}) {
    auto stream = loop.add(pipe->reader.release(), options);
    step();
    return stream;
  }

  /// Twenty milliseconds pass, and the frame arrives.
  void frame(Pipe* pipe, const Samples& audio, size_t from) {
    clock.advance_ms(20);
    pipe->write(audio, from, 160);
    step();
  }

  std::vector<MediaEvent> events() {
    MediaEvent buffer[64];
    const size_t count = loop.poll(buffer, 64);
    return {buffer, buffer + count};
  }

  FakeClock clock;
  MediaLoop loop;
};

std::string kinds(const std::vector<MediaEvent>& events) {
  std::string out;
  for (const auto& event : events) out += "SPRXEM"[static_cast<int>(event.kind)];
  return out;
}

Samples call_audio() {
  Samples audio;
  append_silence(&audio, 4000);
  append(&audio, offhook::test::speech("emergency"));
  append_silence(&audio, 8000);
  return audio;
}

Samples everything(MediaStream* stream) {
  Samples out(static_cast<size_t>(stream->written_samples()));
  const auto span = stream->read(0, stream->written_samples(), out.data());
  REQUIRE(span.start == 0);
  out.resize(span.count);
  return out;
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}
bool is_readable(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  timeval none{};
  return ::select(fd + 1, &set, nullptr, nullptr, &none) == 1;
}

}  // namespace

TEST_CASE("a loop that has nothing to do does a round when it is woken") {
  Bench bench;
  const int64_t before = bench.loop.rounds();
  bench.loop.wake();
  bench.loop.run_once(-1);  // would wait for ever
  CHECK(bench.loop.rounds() == before + 1);
}

TEST_CASE("a call's audio is kept, its speech found and dated") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  const int64_t begin_ns = bench.clock.now_ns();
  const auto audio = call_audio();
  std::vector<MediaEvent> events;
  for (size_t at = 0; at < audio.size(); at += 160) {
    bench.frame(&pipe, audio, at);
    for (const auto& event : bench.events()) events.push_back(event);
  }
  CHECK(everything(stream.get()) == audio);
  CHECK(kinds(events).front() == 'S');
  CHECK(kinds(events).back() == 'X');
  for (const auto& event : events) {
    CHECK(event.stream_id == stream->id());
    // Frame n is read at n * 20 ms; its last sample is the newest then.
    CHECK(event.at_ns == begin_ns + event.position_samples * 125'000);
  }
  CHECK(stream->inserted_samples() == 0);
}

TEST_CASE("events make the descriptor readable until they are polled") {
  Bench bench;
  Pipe pipe;
  bench.add(&pipe);
  CHECK_FALSE(is_readable(bench.loop.event_fd()));
  pipe.writer.reset();
  bench.step();
  CHECK(is_readable(bench.loop.event_fd()));
  CHECK(kinds(bench.events()) == "E");
  CHECK_FALSE(is_readable(bench.loop.event_fd()));
}

TEST_CASE("odd byte counts, single bytes and large writes give the same samples") {
  const auto audio = call_audio();
  const auto* bytes = reinterpret_cast<const char*>(audio.data());
  for (const size_t chunk : {size_t{1}, size_t{3}, size_t{319}, size_t{321}, size_t{30'001}}) {
    CAPTURE(chunk);
    Bench bench;
    Pipe pipe;
    const auto stream = bench.add(&pipe);
    const size_t total = chunk < 300 ? 4001 : audio.size() * 2;
    for (size_t at = 0; at < total; at += chunk) {
      REQUIRE(pipe.write(bytes + at, std::min(chunk, total - at)) > 0);
      for (int i = 0; i < 8; ++i) bench.step();
    }
    CHECK(everything(stream.get()) ==
          Samples(audio.begin(), audio.begin() + static_cast<ptrdiff_t>(total / 2)));
  }
}

TEST_CASE("end of file closes the utterance, ends the stream, and closes the descriptor") {
  Bench bench;
  Pipe pipe;
  const int fd = pipe.reader.get();
  const auto stream = bench.add(&pipe);
  const auto audio = call_audio();
  for (size_t at = 0; at < 4000 + 10'000; at += 160) bench.frame(&pipe, audio, at);
  pipe.write("x", 1);  // half a sample at the end is no sample
  pipe.writer.reset();
  bench.step();
  bench.step();
  const auto events = bench.events();
  CHECK(kinds(events).ends_with("PXE"));
  CHECK(events.back().position_samples == stream->written_samples());
  CHECK_FALSE(is_open(fd));
  CHECK(stream->read_errno() == 0);
  bench.clock.advance_ms(5000);
  bench.step();
  CHECK(bench.events().empty());
  CHECK(stream->inserted_samples() == 0);  // time stops with the stream
}

TEST_CASE("silence is inserted when frames stop, so that the utterance ends on time") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  const auto audio = call_audio();
  const int64_t begin_ns = bench.clock.now_ns();
  size_t at = 0;
  for (; at < 4000 + 16'000; at += 160) bench.frame(&pipe, audio, at);
  bench.events();
  const int64_t stopped_ns = bench.clock.now_ns();
  const auto written = stream->written_samples();
  for (int ms = 0; ms < 90; ms += 10) {
    bench.clock.advance_ms(10);
    bench.step();
  }
  CHECK(stream->inserted_samples() == 0);  // jitter is not DTX
  std::vector<MediaEvent> events;
  for (int ms = 90; ms < 1000; ms += 10) {
    bench.clock.advance_ms(10);
    bench.step();
    for (const auto& event : bench.events()) events.push_back(event);
  }
  CHECK(kinds(events) == "PX");
  CHECK(stream->inserted_samples() > 0);
  // Positions follow time, to within a piece of silence.
  CHECK(std::abs(stream->written_samples() - written - (bench.clock.now_ns() - stopped_ns) / 125'000) <=
        30 * 8);
  CHECK(std::abs(events[1].at_ns - (begin_ns + events[1].position_samples * 125'000)) < 1'000'000);

  // Frames come back: no more is inserted, and nothing of them is lost.
  const auto before = stream->inserted_samples();
  const auto position = stream->written_samples();
  for (size_t from = 4000; from < 4000 + 8000; from += 160) bench.frame(&pipe, audio, from);
  CHECK(stream->inserted_samples() == before);
  Samples back(8000);
  CHECK(stream->read(position, position + 8000, back.data()).count == 8000);
  CHECK(back == Samples(audio.begin() + 4000, audio.begin() + 12000));
}

TEST_CASE("audio in long packets, or held up and sent at once, is waited for and no silence is put into it") {
  for (const int packet_ms : {140, 200, 300}) {
    for (const bool bunched : {false, true}) {
      CAPTURE(packet_ms);
      CAPTURE(bunched);
      Bench bench;
      Pipe pipe;
      const auto stream = bench.add(&pipe);
      Samples audio;
      append_silence(&audio, 4800);
      append(&audio, call_audio());
      const auto packet = static_cast<size_t>(packet_ms) * 8;
      size_t at = 0;
      uint64_t inserted = 0;
      for (; at + packet <= audio.size(); at += packet) {
        for (int ms = 0; ms < packet_ms; ms += 20) {
          bench.clock.advance_ms(20);
          bench.step();
        }
        const size_t piece = bunched ? 160 : packet;  // as Asterisk writes them
        for (size_t done = 0; done < packet; done += piece) {
          pipe.write(audio, at + done, std::min(piece, packet - done));
          bench.step();
        }
        if (at == 0) inserted = stream->inserted_samples();  // nobody can know yet
      }
      CHECK(inserted > 0);
      CHECK(stream->inserted_samples() == inserted);
      const auto kept = everything(stream.get());
      CHECK(Samples(kept.begin() + static_cast<std::ptrdiff_t>(inserted), kept.end()) ==
            Samples(audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(at)));
      CHECK(kinds(bench.events()).starts_with("SP"));
    }
  }
}

TEST_CASE("a caller whose line sends nothing in pauses is not waited for longer") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  const Samples audio(16'000, 100);
  size_t at = 0;
  for (int pause = 0; pause < 3; ++pause) {
    for (int i = 0; i < 25; ++i, at += 160) bench.frame(&pipe, audio, at % 8000);
    const auto before = stream->inserted_samples();
    for (int ms = 0; ms < 240; ms += 20) {
      bench.clock.advance_ms(20);
      bench.step();
      CHECK((stream->inserted_samples() > before) == (ms + 20 >= 100));
    }
  }
}

TEST_CASE("a late thread finds a backlog: no silence is invented, and the backlog is dated as past") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  const auto audio = call_audio();
  const int64_t begin_ns = bench.clock.now_ns();
  size_t at = 0;
  for (; at < 3200; at += 160) bench.frame(&pipe, audio, at);
  // The thread sleeps for nearly three seconds; Asterisk goes on writing.
  while (at < audio.size()) {
    bench.clock.advance_ms(20);
    pipe.write(audio, at, 160);
    at += 160;
  }
  for (int i = 0; i < 10; ++i) bench.step();
  CHECK(stream->inserted_samples() == 0);
  CHECK(everything(stream.get()) == audio);
  const auto events = bench.events();
  CHECK(kinds(events).ends_with("PX"));
  for (const auto& event : events) {
    CHECK(std::abs(event.at_ns - (begin_ns + event.position_samples * 125'000)) <= 20'000'000);
  }
}

TEST_CASE("a very long sleep without frames is caught up in steps") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  bench.clock.advance_ms(60'000);
  for (int i = 0; i < 100; ++i) bench.step();
  CHECK(std::abs(stream->written_samples() - 60 * 8000) <= 30 * 8);
}

TEST_CASE("a slow reader loses the oldest audio, counted, and blocks nobody") {
  Bench bench;
  Pipe pipe;
  StreamOptions options;
  options.ring_ms = 2000;
  const auto stream = bench.add(&pipe, options);
  const Samples audio = offhook::test::noise(-50, 8000 * 10);
  for (size_t at = 0; at < audio.size(); at += 160) bench.frame(&pipe, audio, at);
  CHECK(stream->written_samples() == 80'000);
  Samples out(80'000);
  const auto span = stream->read(0, 80'000, out.data());
  CHECK(span.count == stream->capacity_samples());
  CHECK(stream->overrun_samples() == 80'000 - stream->capacity_samples());
  CHECK(
      std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(span.count), audio.begin() + span.start));
}

TEST_CASE("silence is kept for ten seconds, and speech for as long behind its end") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  auto audio = call_audio();
  const auto spoken = static_cast<int64_t>(audio.size()) - 8000;
  append_silence(&audio, 12 * 8000);
  const auto oldest = [&] {
    return stream->read(0, stream->written_samples(), std::vector<int16_t>(audio.size() * 4).data()).start;
  };
  size_t at = 0;
  for (; static_cast<int64_t>(at) < spoken + 9 * 8000; at += 160) bench.frame(&pipe, audio, at);
  CHECK(oldest() == 0);
  for (; at < audio.size() / 160 * 160; at += 160) bench.frame(&pipe, audio, at);
  CHECK(oldest() > 0);
  CHECK(oldest() <= stream->written_samples() - 10 * 8000);
  for (int second = 0; second < 30; ++second) {  // the ring has gone round
    for (int i = 0; i < 50; ++i) bench.frame(&pipe, audio, audio.size() - 320);
  }
  CHECK(oldest() > stream->written_samples() - 13 * 8000);
  CHECK(oldest() <= stream->written_samples() - 10 * 8000);
}

TEST_CASE("events that nobody polls wait for their turn") {
  Bench bench(8, 2);
  Pipe pipes[3];
  std::map<uint64_t, std::string> got;
  for (auto& pipe : pipes) got[bench.add(&pipe)->id()] = "";
  const auto audio = call_audio();
  for (size_t at = 0; at < audio.size(); at += 160) {
    bench.clock.advance_ms(20);
    for (auto& pipe : pipes) pipe.write(audio, at, 160);
    bench.step();
  }
  for (auto& pipe : pipes) pipe.writer.reset();
  bench.step();
  for (int round = 0; round < 100; ++round) {
    for (const auto& event : bench.events()) got[event.stream_id] += "SPRXEM"[static_cast<int>(event.kind)];
    bench.step();
  }
  for (const auto& [id, sequence] : got) {
    CAPTURE(id);
    CHECK(sequence.front() == 'S');
    CHECK(sequence.ends_with("PXE"));
    CHECK(sequence == got.begin()->second);
  }
}

TEST_CASE("endpointing can be changed while the call runs") {
  Bench bench;
  Pipe pipe;
  const auto stream = bench.add(&pipe);
  stream->set_endpointing_ms(2000);
  const auto audio = call_audio();
  for (size_t at = 0; at < audio.size(); at += 160) bench.frame(&pipe, audio, at);
  CHECK(kinds(bench.events()).back() == 'P');
  stream->set_endpointing_ms(200);
  bench.frame(&pipe, Samples(160), 0);
  CHECK(kinds(bench.events()) == "X");
}

TEST_CASE("what cannot be a stream is refused, and the descriptor stays with the caller") {
  Bench bench(1);
  Pipe pipe, second;
  StreamOptions odd_rate;
  odd_rate.rate_hz = 44100;
  CHECK_THROWS_AS(bench.loop.add(pipe.reader.get(), odd_rate), std::invalid_argument);
  StreamOptions no_ring;
  no_ring.ring_ms = 0;
  CHECK_THROWS_AS(bench.loop.add(pipe.reader.get(), no_ring), std::invalid_argument);
  CHECK_THROWS_AS(bench.loop.add(1'000'000, {}), std::system_error);
  offhook::FileDescriptor file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  CHECK_THROWS_AS(bench.loop.add(file.get(), {}), std::system_error);
  CHECK(is_open(pipe.reader.get()));
  CHECK(is_open(file.get()));
  const auto stream = bench.add(&pipe);
  CHECK_THROWS_AS(bench.loop.add(second.reader.get(), {}), offhook::TooManyStreams);
  CHECK(is_open(second.reader.get()));
  bench.loop.remove(stream);
  bench.step();
  CHECK(bench.loop.stream_count() == 0);
  bench.add(&second);
  CHECK(bench.loop.stream_count() == 1);
}

TEST_CASE("an error on the descriptor ends that stream alone") {
  Bench bench;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  offhook::FileDescriptor peer(ends[1]);
  const auto broken = bench.loop.add(ends[0], {});
  Pipe pipe;
  const auto sound = bench.add(&pipe);
  // Closing with unread data resets the connection: the other end reads ECONNRESET.
  REQUIRE(::send(ends[0], "xx", 2, 0) == 2);
  peer.reset();
  bench.step();
  const auto events = bench.events();
  CHECK(kinds(events) == "E");
  CHECK(events[0].stream_id == broken->id());
  CHECK(broken->read_errno() == ECONNRESET);
  bench.frame(&pipe, Samples(160, 7), 0);
  CHECK(sound->written_samples() == 160);
}

TEST_CASE("a removed stream closes its descriptor, makes no more events, and can still be read") {
  Bench bench;
  Pipe pipe;
  const int fd = pipe.reader.get();
  auto stream = bench.add(&pipe);
  bench.frame(&pipe, Samples(160, 42), 0);
  bench.loop.remove(stream);
  bench.loop.remove(stream);
  bench.step();
  CHECK_FALSE(is_open(fd));
  pipe.write(Samples(160, 1), 0, 160);
  bench.step();
  CHECK(bench.events().empty());
  CHECK(bench.loop.stream_count() == 0);
  CHECK(everything(stream.get()).back() == 42);
  CHECK(MediaStream::live() == 1);
  stream.reset();
  CHECK(MediaStream::live() == 0);
}

TEST_CASE("a launcher that holds the same pipe open does not keep a closed stream in the loop") {
  Bench bench;
  Pipe pipe;
  offhook::FileDescriptor launcher(::dup(pipe.reader.get()));
  auto stream = bench.add(&pipe);
  bench.loop.remove(stream);
  bench.step();
  stream.reset();
  bench.events();
  CHECK(MediaStream::live() == 0);
  pipe.write(Samples(160, 1), 0, 160);  // readable through the launcher's descriptor: nobody must look
  bench.step();
  CHECK(bench.loop.stream_count() == 0);
}

TEST_CASE("streams that are never removed are closed with the loop") {
  int fd = 0;
  {
    Bench bench;
    Pipe pipe, never_attached;
    fd = pipe.reader.get();
    bench.add(&pipe);
    bench.loop.add(never_attached.reader.release(), {});
  }
  CHECK_FALSE(is_open(fd));
  CHECK(MediaStream::live() == 0);
  CHECK(offhook::RingBuffer::live() == 0);
}

// --- framed streams -----------------------------------------------------------------------------------

namespace {

std::string tlv(char type, const std::string& payload) {
  return std::string{type, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)} +
         payload;
}

std::string bytes_of(const Samples& audio, size_t from, size_t count) {
  std::string out(count * 2, '\0');
  std::memcpy(out.data(), audio.data() + from, out.size());
  return out;
}

}  // namespace

TEST_CASE("a framed call's audio is kept, and what comes beside it is told") {
  Bench bench;
  Pipe pipe;
  StreamOptions options;
  options.framing = offhook::Framing::kAudioSocket;
  const auto stream = bench.add(&pipe, options);
  const auto audio = call_audio();
  std::string kinds_seen;
  for (size_t at = 0; at + 160 <= audio.size(); at += 160) {
    bench.clock.advance_ms(20);
    std::string frame = tlv('\x10', bytes_of(audio, at, 160));
    if (at % 1600 == 0) frame += tlv('\x03', "5");
    // The network may cut anywhere, within a sample, too.
    pipe.write(frame.data(), at % 300);
    bench.step();
    pipe.write(frame.data() + at % 300, frame.size() - at % 300);
    bench.step();
    kinds_seen += kinds(bench.events());
  }
  const Samples whole(audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(audio.size() / 160 * 160));
  CHECK(everything(stream.get()) == whole);
  CHECK(kinds_seen.find('S') != std::string::npos);
  size_t keys = 0;
  uint8_t code = 0;
  while (stream->messages().next_size(&code) == 1) {
    char key = 0;
    stream->messages().pop(&key);
    CHECK(code == 3);
    CHECK(key == '5');
    ++keys;
  }
  CHECK(keys == (audio.size() + 1440) / 1600);
  CHECK(static_cast<size_t>(std::count(kinds_seen.begin(), kinds_seen.end(), 'M')) == keys);
  const std::string hang_up = tlv('\0', "");
  pipe.write(hang_up.data(), hang_up.size());
  bench.step();
  CHECK(kinds(bench.events()).back() == 'E');
  CHECK(stream->end_reason() == offhook::EndReason::kHangUp);
}

TEST_CASE("strangers are ended with a reason, and nobody else notices") {
  struct Case {
    const char* what;
    std::string bytes;
    bool close;
    offhook::EndReason reason;
  };
  std::string keys;
  for (int i = 0; i < 2'200; ++i) keys += tlv('\x03', "1");
  const Case cases[] = {
      {"garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, offhook::EndReason::kMalformed},
      {"half a frame", tlv('\x10', std::string(320, 'x')).substr(0, 99), true, offhook::EndReason::kCutShort},
      {"nothing", "", true, offhook::EndReason::kEndOfFile},
      {"keys that nobody takes", keys, false, offhook::EndReason::kNotListening},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench;
    Pipe stranger, neighbour;
    StreamOptions options;
    options.framing = offhook::Framing::kAudioSocket;
    const auto bad = bench.add(&stranger, options), good = bench.add(&neighbour, options);
    stranger.write(each.bytes.data(), each.bytes.size());
    if (each.close) stranger.writer.reset();
    const auto audio = call_audio();
    for (size_t at = 0; at < 1600; at += 160) {
      bench.clock.advance_ms(20);
      const std::string frame = tlv('\x10', bytes_of(audio, at, 160));
      neighbour.write(frame.data(), frame.size());
      bench.step();
    }
    CHECK(bad->end_reason() == each.reason);
    CHECK(good->end_reason() == offhook::EndReason::kNone);
    CHECK(everything(good.get()) == Samples(audio.begin(), audio.begin() + 1600));
  }
}

TEST_CASE("a flood of well-formed audio is ended; a network that stood still is not") {
  Bench bench;
  Pipe pipe;
  StreamOptions options;
  options.framing = offhook::Framing::kAudioSocket;
  const auto stream = bench.add(&pipe, options);
  const std::string frame = tlv('\x10', std::string(320, '\0'));
  const auto send = [&](int frames) {
    for (int i = 0; i < frames && stream->end_reason() == offhook::EndReason::kNone; ++i) {
      pipe.write(frame.data(), frame.size());
      if (i % 20 == 19) bench.step();
    }
    bench.step();
  };
  bench.clock.advance_ms(10'000);
  bench.step();
  send(500);  // the ten seconds that were owed
  CHECK(stream->end_reason() == offhook::EndReason::kNone);
  send(100'000);
  CHECK(stream->end_reason() == offhook::EndReason::kTooFast);
  CHECK(stream->written_samples() < 8 * 60'000);
}
