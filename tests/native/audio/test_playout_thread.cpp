// The playout thread as it is used: voices write, calls start, cut and ask, all at once.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "audio/playout_thread.h"
#include "support.h"

using offhook::PlayoutFile;
using offhook::PlayoutThread;
using offhook::test::Samples;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "offhook-playout-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(int number) const { return (path / (std::to_string(number) + ".sln")).string(); }
  fs::path path;
};

int64_t now_ns() {
  return offhook::MonotonicClock().now_ns();
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

TEST_CASE("a thread that has nothing to do moves when it is woken") {
  PlayoutThread thread;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = thread.rounds();
    thread.wake();
    CHECK(eventually([&] { return thread.rounds() > before; }));
  }
}

TEST_CASE("a file that runs dry is kept ahead in real time; then the thread sleeps again") {
  const Folder folder;
  {
    PlayoutThread thread;
    auto file = std::make_shared<PlayoutFile>(folder.file(1), 8000, 60);
    CHECK(thread.playing_count() == 0);
    const Samples audio(800, 7);
    file->write(audio.data(), audio.size());
    const int64_t start_ns = now_ns();
    thread.start(file, start_ns, 0);
    CHECK(thread.playing_count() == 1);
    CHECK(eventually([&] { return file->padded_samples() >= 1600; }));
    // Never more than a frame beyond the lead: silence comes just in time.
    const int64_t filled = file->file_samples();  // first: until the clock is read, more may be added
    CHECK(filled - (now_ns() - start_ns) / 125'000 <= 480 + 160);
    CHECK(file->underruns() == 1);
    CHECK(fs::file_size(folder.file(1)) >= (800 + 1600) * 2);
    file->stop(now_ns());
    CHECK(eventually([&] { return thread.playing_count() == 0; }));
    const int64_t rounds = thread.rounds();
    file->write(audio.data(), audio.size());
    file->finish();
    CHECK(file->file_samples() % 160 == 0);
    std::this_thread::sleep_for(100ms);  // to see that nothing happens there is no other way
    CHECK(thread.rounds() == rounds);
  }
  CHECK(PlayoutThread::live() == 0);
  CHECK(PlayoutFile::live() == 0);
}

TEST_CASE("a start that is refused is not kept, and none is taken after the end") {
  const Folder folder;
  PlayoutThread thread;
  auto file = std::make_shared<PlayoutFile>(folder.file(1), 8000);
  CHECK_THROWS_AS(thread.start(file, now_ns(), 100), std::invalid_argument);
  CHECK(thread.playing_count() == 0);
  thread.start(file, now_ns(), 0);
  CHECK_THROWS_AS(thread.start(file, now_ns(), 0), std::invalid_argument);
  CHECK(thread.playing_count() == 1);
  std::weak_ptr<PlayoutFile> gone = file;
  thread.stop();
  thread.stop();
  file->stop(now_ns());
  CHECK_THROWS_AS(thread.start(file, now_ns(), 0), std::runtime_error);
  file.reset();
  CHECK(gone.expired());
}

TEST_CASE("many answers at once, from several threads, each cut, resumed, asked for and dropped") {
  const Folder folder;
  constexpr int kCalls = 4, kAnswers = 6;
  std::atomic<int64_t> underruns{0};
  std::atomic<bool> wrong{false};
  {
    PlayoutThread thread;
    std::vector<std::thread> calls;
    for (int call = 0; call < kCalls; ++call) {
      calls.emplace_back([&, call] {
        std::mt19937 random(static_cast<unsigned>(call));
        for (int answer = 0; answer < kAnswers; ++answer) {
          auto file = std::make_shared<PlayoutFile>(folder.file(call * kAnswers + answer), 8000, 20);
          std::thread voice([&] {
            const Samples audio(160, static_cast<int16_t>(call + 1));
            for (int block = 0; block < 20; ++block) {
              file->write(audio.data(), audio.size());
              std::this_thread::sleep_for(std::chrono::milliseconds(random() % 30));
            }
            file->finish();
          });
          const int64_t start_ns = now_ns();
          thread.start(file, start_ns, 0);
          Samples air(8000);
          for (int64_t before = 0; file->file_samples() < 1600;) {
            const int64_t position = file->position(now_ns());
            file->played(start_ns, air.data(), 8000);
            if (position < before) wrong = true;
            before = position;
            std::this_thread::yield();
          }
          const int64_t cut_ns = now_ns();
          file->stop(cut_ns);
          const int64_t cut = file->position(cut_ns);
          thread.start(file, now_ns(), file->file_position(cut));
          voice.join();
          if (file->written_samples() != 20 * 160 || file->write_errno() != 0) wrong = true;
          if (fs::file_size(folder.file(call * kAnswers + answer)) !=
              static_cast<uintmax_t>(file->file_samples()) * 2)
            wrong = true;
          underruns += file->underruns();
          if (answer % 2) file->close();
        }
      });
    }
    for (auto& call : calls) call.join();
    CHECK(eventually([&] { return thread.playing_count() == 0; }));
  }
  CHECK(!wrong);
  CHECK(underruns > 0);
  CHECK(PlayoutFile::live() == 0);
}
