// The media thread as it is used: several threads add, feed, read, poll and close at once.
#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "audio/media_thread.h"
#include "support.h"

using offhook::EventKind;
using offhook::MediaEvent;
using offhook::MediaStream;
using offhook::MediaThread;
using offhook::test::Pipe;
using offhook::test::Samples;

namespace {

/// Writes everything, before anybody reads: a writer who is kept waiting for 100 ms while somebody does, as
/// on a busy machine, would have silence put into its audio.
void fill(Pipe* pipe, const Samples& audio) {
  ::fcntl(pipe->writer.get(), F_SETPIPE_SZ, static_cast<int>(audio.size() * 4));
  REQUIRE(pipe->write(audio.data(), audio.size() * 2) == audio.size() * 2);
}

Samples call_audio() {
  Samples audio;
  offhook::test::append_silence(&audio, 4000);
  offhook::test::append(&audio, offhook::test::speech("children"));
  offhook::test::append_silence(&audio, 8000);
  return audio;
}

}  // namespace

TEST_CASE("many calls at once, from several threads: every sample and every event arrives") {
  const auto audio = call_audio();
  constexpr int kFeeders = 3, kCallsEach = 8;
  {
    MediaThread media(offhook::test::silero());
    std::mutex lock;
    std::map<uint64_t, std::string> sequences;
    std::map<uint64_t, std::shared_ptr<MediaStream>> streams;
    std::atomic<bool> done{false};
    std::atomic<int> ended{0};
    std::thread poller([&] {
      while (!done) {
        pollfd ready{media.loop().event_fd(), POLLIN, 0};
        ::poll(&ready, 1, 50);
        MediaEvent events[16];
        const size_t count = media.loop().poll(events, 16);
        const std::lock_guard guard(lock);
        for (size_t i = 0; i < count; ++i) {
          sequences[events[i].stream_id] += "SPRXE"[static_cast<int>(events[i].kind)];
          ended += events[i].kind == EventKind::kAudioEnded;
        }
      }
    });
    std::thread reader([&] {  // somebody reads all rings all the time
      Samples out(40'000);
      while (!done) {
        std::map<uint64_t, std::shared_ptr<MediaStream>> now;
        {
          const std::lock_guard guard(lock);
          now = streams;
        }
        for (auto& [id, stream] : now) {
          const auto newest = stream->written_samples();
          stream->read(newest - 20'000, newest, out.data());
          stream->set_endpointing_ms(400 + static_cast<int>(id % 3) * 50);
        }
        std::this_thread::yield();
      }
    });
    std::vector<std::thread> feeders;
    for (int f = 0; f < kFeeders; ++f) {
      feeders.emplace_back([&] {
        for (int i = 0; i < kCallsEach; ++i) {
          Pipe pipe;
          fill(&pipe, audio);
          const auto stream = media.loop().add(pipe.reader.release(), {});
          {
            const std::lock_guard guard(lock);
            streams[stream->id()] = stream;
          }
          Pipe hung_up;  // a call that is closed at once
          media.loop().remove(media.loop().add(hung_up.reader.release(), {}));
        }
      });
    }
    for (auto& feeder : feeders) feeder.join();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (ended < kFeeders * kCallsEach && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    done = true;
    poller.join();
    reader.join();
    CHECK(streams.size() == kFeeders * kCallsEach);
    for (auto& [id, stream] : streams) {
      CAPTURE(id);
      Samples heard(audio.size());
      CHECK(stream->read(0, static_cast<int64_t>(audio.size()), heard.data()).count == audio.size());
      CHECK(heard == audio);
      CHECK(sequences[id].front() == 'S');
      CHECK(sequences[id].ends_with("PXE"));
      media.loop().remove(stream);
    }
    CHECK(media.cpu_ns() > 0);
    media.stop();
    media.stop();
    CHECK(media.loop().stream_count() == 0);
    CHECK_THROWS_AS(media.loop().add(0, {}), std::runtime_error);
  }
  CHECK(MediaStream::live() == 0);
  CHECK(MediaThread::live() == 0);
  CHECK(offhook::RingBuffer::live() == 0);
}

TEST_CASE("stopping in the middle of everything closes every descriptor and keeps what was heard") {
  const auto audio = call_audio();
  Pipe pipe;
  std::shared_ptr<MediaStream> stream;
  {
    MediaThread media(offhook::test::silero());
    fill(&pipe, audio);
    stream = media.loop().add(pipe.reader.release(), {});
    while (stream->written_samples() == 0) std::this_thread::yield();
  }
  CHECK(::write(pipe.writer.get(), "xx", 2) == -1);
  CHECK(errno == EPIPE);
  Samples heard(audio.size());
  const auto span = stream->read(0, stream->written_samples(), heard.data());
  CHECK(span.count > 0);
  CHECK(std::equal(heard.begin(), heard.begin() + static_cast<ptrdiff_t>(span.count), audio.begin()));
}
