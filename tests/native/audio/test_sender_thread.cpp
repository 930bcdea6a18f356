// The sender thread as it is used: many lines, voices that write, calls that start, stop and end, all at
// once.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "audio/sender_thread.h"
#include "support.h"

using offhook::FileDescriptor;
using offhook::PlayoutBuffer;
using offhook::Sender;
using offhook::SenderEvent;
using offhook::SenderThread;
using offhook::test::Samples;
using namespace std::chrono_literals;

namespace {

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

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::string drain(int fd) {
  std::string out;
  char bytes[65'536];
  for (ssize_t got; (got = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
    out.append(bytes, static_cast<size_t>(got));
  }
  return out;
}

}  // namespace

TEST_CASE("a thread that has nothing to do moves when it is woken") {
  SenderThread thread;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = thread.rounds();
    thread.wake();
    CHECK(eventually([&] { return thread.rounds() > before; }));
  }
}

TEST_CASE("an answer is sent and its end is told by the descriptor") {
  SenderThread thread;
  Sockets sockets;
  const auto sender = thread.add(sockets.ours.get(), {});
  auto answer = std::make_shared<PlayoutBuffer>(8000);
  const Samples content(800, 1'000);
  answer->write(content.data(), content.size());
  answer->finish();
  const uint64_t playback = thread.play(*sender, answer, 0);
  pollfd ready{thread.event_fd(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 20'000) == 1);
  SenderEvent event{};
  REQUIRE(thread.poll(&event, 1) == 1);
  CHECK(event.sender_id == sender->id());
  CHECK(event.playback == playback);
  CHECK(event.kind == SenderEvent::Kind::kEnded);
  const std::string bytes = drain(sockets.theirs.get());
  CHECK(bytes.size() % 323 == 0);
  CHECK(bytes.size() >= 5 * 323);
}

TEST_CASE("there is an end to places, and to the thread") {
  Sockets sockets;
  SenderThread thread(2);
  const auto first = thread.add(sockets.ours.get(), {});
  const auto second = thread.add(sockets.ours.get(), {});
  CHECK_THROWS_AS(thread.add(sockets.ours.get(), {}), std::length_error);
  thread.remove(first);
  thread.remove(first);
  CHECK(thread.sender_count() == 1);
  thread.stop();
  thread.stop();
  CHECK(second->broken());
  CHECK_THROWS_AS(thread.add(sockets.ours.get(), {}), std::runtime_error);
}

TEST_CASE("lines come, speak, are stopped and go, from many threads, and each hears only its own") {
  SenderThread thread;
  std::atomic<int> ended{0};
  std::atomic<bool> done{false};
  std::thread poller([&] {
    SenderEvent events[16];
    while (!done) {
      pollfd ready{thread.event_fd(), POLLIN, 0};
      ::poll(&ready, 1, 5);
      ended += static_cast<int>(thread.poll(events, 16));
    }
  });
  std::vector<std::thread> calls;
  std::atomic<int> foreign{0};
  for (int number = 1; number <= 8; ++number) {
    calls.emplace_back([&, number] {
      std::mt19937 random(static_cast<unsigned>(number));
      for (int round = 0; round < 4; ++round) {
        Sockets sockets;
        const auto sender = thread.add(sockets.ours.get(), {});
        auto answer = std::make_shared<PlayoutBuffer>(8000);
        thread.play(*sender, answer, 0);
        const Samples block(200, static_cast<int16_t>(number));
        for (int i = 0; i < 10; ++i) {
          answer->write(block.data(), block.size());
          std::this_thread::sleep_for(std::chrono::milliseconds(random() % 4));
          if (random() % 3 == 0 && thread.stop_playback(*sender)) {
            const int64_t at = answer->position(offhook::MonotonicClock().now_ns());
            thread.play(*sender, answer, answer->file_position(at) / 160 * 160);
          }
          if (random() % 4 == 0) thread.send_message(*sender, 0x03, "1", 1);
        }
        answer->finish();
        if (random() % 2 == 0) eventually([&] { return !sender->playing(); });
        thread.remove(sender);
        const std::string bytes = drain(sockets.theirs.get());
        for (size_t at = 0; at + 3 <= bytes.size();) {
          const size_t size = static_cast<size_t>(static_cast<unsigned char>(bytes[at + 1])) << 8 |
                              static_cast<unsigned char>(bytes[at + 2]);
          for (size_t i = at + 3; bytes[at] == '\x10' && i + 1 < at + 3 + size && i + 1 < bytes.size();
               i += 2) {
            foreign += bytes[i] != 0 && bytes[i] != number;
          }
          at += 3 + size;
        }
      }
    });
  }
  for (auto& call : calls) call.join();
  done = true;
  poller.join();
  CHECK(foreign == 0);
  CHECK(thread.sender_count() == 0);
  CHECK(ended > 0);
  CHECK(eventually([] { return Sender::live() == 0; }));
}
