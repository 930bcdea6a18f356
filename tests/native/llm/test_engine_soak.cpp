// Sixteen threads submit, read, cancel and roll back at random; every answer is checked against the plain
// history, and at the end everything is accounted for.
//
// OFFHOOK_SOAK_S sets how long [s]; the default keeps the test suite quick.  The seeds are fixed.
#include <doctest/doctest.h>
#include <poll.h>

#include <condition_variable>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "fake_backend.h"
#include "llm/engine.h"

using namespace offhook::llm;

namespace {

const std::vector<int32_t> kTurn{0};  // a turn begins with the first token

constexpr int kThreads = 16;

/// Turns the engine's descriptor into a condition that many threads can wait for.
class Pump {
 public:
  explicit Pump(Engine& engine) : engine_(engine), thread_([this] { run(); }) {}
  ~Pump() {
    done_ = true;
    thread_.join();
  }
  template <class Done>
  bool wait(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(50));  // news may have come before we waited
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

 private:
  void run() {
    while (!done_) {
      pollfd news{engine_.event_fd(), POLLIN, 0};
      if (::poll(&news, 1, 20) > 0) engine_.poll();
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    }
  }
  Engine& engine_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

struct Tally {
  std::atomic<int64_t> conversations{0};
  std::atomic<int64_t> refused{0};
  std::atomic<int64_t> answers_checked{0};
  std::atomic<int64_t> questions_checked{0};
  std::atomic<int64_t> cancelled{0};
  std::atomic<int64_t> rolled_back{0};
  std::atomic<int64_t> failed{0};
  std::atomic<int64_t> wrong{0};
  std::atomic<int64_t> stuck{0};
  uint64_t drafted = 0;
  uint64_t accepted = 0;
};

class Caller {
 public:
  Caller(Engine& engine, Pump& pump, Tally& tally, uint32_t seed)
      : engine_(engine), pump_(pump), tally_(tally), random_(seed) {}

  void one_conversation() {
    const auto prefix =
        tokens_of("prefix number " + std::to_string(pick(0, 9)) + std::string(size_t(pick(0, 60)), 'p'));
    std::unique_ptr<Conversation> call;
    try {
      call = engine_.open(prefix, pick(0, 1) == 1);
    } catch (const EngineError& error) {
      ++tally_.refused;
      std::this_thread::yield();
      return;
    }
    ++tally_.conversations;
    history_ = prefix;
    marks_.clear();
    try {
      for (int step = pick(1, 12); step > 0; --step) one_step(*call);
    } catch (const EngineError& error) {
      if (!call->state().failure.empty()) ++tally_.failed;
    }
    if (pick(0, 1)) call->close();
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  void append(Conversation& call) {
    std::string words(static_cast<size_t>(pick(1, 40)), 'x');
    for (char& c : words) c = static_cast<char>(pick(32, 126));
    const auto tokens = tokens_of(words);
    call.append(tokens, pick(0, 1) == 1 ? std::span<const int32_t>(kTurn) : std::span<const int32_t>());
    history_.insert(history_.end(), tokens.begin(), tokens.end());
  }

  /// Whatever comes behind the question changes nothing about it.
  void ask(Conversation& call) {
    const uint64_t question = call.ask_end_probability();
    const Token next = fake_next(history_);
    const bool end = next == '.' || next == '?' || next == '!' || next == kFakeEnd;
    const bool known = call.state().dropped == 0;
    if (pick(0, 3) > 0) append(call);
    if (pick(0, 1) == 0) answer(call);
    EndAnswer answer;
    if (!pump_.wait([&] {
          answer = call.end_answer(question);
          return answer.state != EndAnswer::State::kWaiting;
        })) {
      ++tally_.stuck;
    }
    if (!known || call.state().dropped > 0) return;
    if (answer.state != EndAnswer::State::kGiven || (answer.probability > 0.5) != end) ++tally_.wrong;
    ++tally_.questions_checked;
  }

  void one_step(Conversation& call) {
    switch (pick(0, 7)) {
      case 0:
      case 1:
        return append(call);
      case 2: {
        marks_.push_back({call.mark(), history_});
        return;
      }
      case 3: {
        if (marks_.empty()) return;
        const size_t which = static_cast<size_t>(pick(0, static_cast<int>(marks_.size()) - 1));
        if (call.state().dropped > 0) return;
        call.rollback(marks_[which].first);
        history_ = marks_[which].second;
        marks_.resize(which + 1);
        ++tally_.rolled_back;
        return;
      }
      case 4: {
        return ask(call);
      }
      case 5: {
        call.set_committed(pick(0, 1) == 1);
        return;
      }
      default:
        return answer(call);
    }
  }

  void answer(Conversation& call) {
    const Mark before = call.mark();
    GenerationOptions options;
    options.max_tokens = pick(1, 30);
    options.draft = guess();
    const auto generation = call.generate(options);
    if (pick(0, 3) == 0) {
      // Cut it short somewhere, in one of three ways.
      const int after = pick(0, 5);
      if (!pump_.wait([&] {
            return generation->stats().generated_tokens >= after ||
                   generation->take().finish != Finish::kNone;
          })) {
        ++tally_.stuck;
      }
      const int how = pick(0, 2);
      if (how == 0) generation->cancel();
      if (call.state().dropped == 0) call.rollback(before);  // cancels too
      if (how == 1) generation->cancel();
      ++tally_.cancelled;
      if (call.state().dropped > 0)
        throw EngineError(ErrorCode::kInvalid, "what was said is not known any more");
      return;
    }
    std::string text;
    Finish finish = Finish::kNone;
    if (!pump_.wait([&] {
          auto taken = generation->take();
          text += taken.text;
          finish = taken.finish;
          return finish != Finish::kNone;
        })) {
      ++tally_.stuck;
    }
    if (finish == Finish::kFailed) {
      ++tally_.failed;
      throw EngineError(ErrorCode::kModel, "failed");
    }
    const bool known = call.state().dropped == 0;
    if (known && (finish == Finish::kEnd || finish == Finish::kLength)) {
      if (text != expected_answer(history_, options.max_tokens)) ++tally_.wrong;
      ++tally_.answers_checked;
    }
    std::vector<Token> said = tokens_of(text);
    if (text.find("\xEF\xBF\xBD") != std::string::npos) {
      throw EngineError(ErrorCode::kInvalid, "max_tokens cut a character in two: its tokens are not known");
    }
    if (pick(0, 3) == 0 && !text.empty()) {
      size_t keep = static_cast<size_t>(pick(0, static_cast<int>(text.size())));
      call.keep_answer(keep);
      while (keep > 0 && keep < text.size() && (static_cast<unsigned char>(text[keep]) & 0xC0) == 0x80)
        --keep;
      said = tokens_of(text.substr(0, keep));
    }
    if (!known) throw EngineError(ErrorCode::kInvalid, "what was said is not known any more");
    history_.insert(history_.end(), said.begin(), said.end());
  }

  /// A draft that is right for a while, or all the way, or not at all.
  std::vector<Token> guess() {
    std::vector<Token> draft;
    if (pick(0, 2) == 0) return draft;
    std::vector<Token> history = history_;
    for (int left = pick(0, 40); left > 0; --left) {
      const Token right = fake_next(history);
      const Token next = pick(0, 19) == 0 ? 'x' : right;
      if (pick(0, 29) > 0) draft.push_back(next);
      if (pick(0, 29) == 0) draft.push_back('x');
      history.push_back(pick(0, 9) > 0 ? right : next);
    }
    return draft;
  }

  Engine& engine_;
  Pump& pump_;
  Tally& tally_;
  std::mt19937 random_;
  std::vector<Token> history_;
  std::vector<std::pair<Mark, std::vector<Token>>> marks_;
};

void soak(const FakeBackend::Shape& shape, const EngineSettings& settings, int fail_one_in, double seconds) {
  Tally tally;
  const auto backend = std::make_shared<FakeBackend>(shape);
  std::mt19937 failing(99);
  if (fail_one_in > 0) {
    backend->fail_if = [&](std::span<const BatchToken>) {  // engine thread only
      return std::uniform_int_distribution<int>(1, fail_one_in)(failing) == 1;
    };
  }
  {
    Engine engine(backend, settings);
    {
      Pump pump(engine);
      std::vector<std::thread> threads;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
      for (uint32_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          Caller caller(engine, pump, tally, 1000 + t);
          do {
            caller.one_conversation();
          } while (std::chrono::steady_clock::now() < deadline);
        });
      }
      for (std::thread& thread : threads) thread.join();
      // All conversations are closed: what is left in the cache are idle prefixes, and nothing else.
      CHECK(pump.wait([&] { return live_objects().conversations == 0; }));
      const EngineStats stats = engine.stats();
      tally.drafted = stats.drafted_tokens;
      tally.accepted = stats.accepted_tokens;
      CHECK(stats.calls == 0);
      CHECK(pump.wait([&] { return engine.stats().cells_used == backend->live_cells(); }));
      if (settings.parked_tokens == 0) CHECK(stats.prefixes <= settings.prefixes);
    }
  }
  CHECK(backend->first_misuse() == "");
  CHECK(tally.wrong.load() == 0);
  CHECK(tally.stuck.load() == 0);
  CHECK(tally.answers_checked.load() > 0);
  CHECK(tally.questions_checked.load() > 0);
  CHECK(tally.accepted > 0);
  CHECK(tally.accepted < tally.drafted);
  CHECK(live_objects().generations == 0);
  CHECK(live_objects().prefixes == 0);
  MESSAGE("conversations " << tally.conversations.load() << ", refused " << tally.refused.load()
                           << ", answers checked " << tally.answers_checked.load() << ", questions checked "
                           << tally.questions_checked.load() << ", cancelled " << tally.cancelled.load()
                           << ", rolled back " << tally.rolled_back.load() << ", failed "
                           << tally.failed.load() << ", drafted " << tally.drafted << ", accepted "
                           << tally.accepted << ", batches " << backend->batches.load() << ", largest "
                           << backend->largest_batch.load());
}

double seconds_each() {
  const char* given = std::getenv("OFFHOOK_SOAK_S");
  return given ? std::atof(given) / 3 : 1.0;
}

EngineSettings settings_with(int32_t calls, int32_t prefixes, int32_t call_tokens, int32_t parked_tokens) {
  EngineSettings settings;
  settings.calls = calls;
  settings.prefixes = prefixes;
  settings.call_tokens = call_tokens;
  settings.parked_tokens = parked_tokens;
  settings.queue_pieces = 8;
  settings.scheduler.max_batch_tokens = 64;
  settings.scheduler.min_gap_ns = 200'000;  // room for drafts beside what else is wanted
  settings.scheduler.quiet_batch_ns = 500'000;
  return settings;
}

}  // namespace

TEST_CASE("a roomy cache: every answer is right") {
  soak({16'384, 32, 64, true}, settings_with(16, 8, 2000, 10'000), 0, seconds_each());
}

TEST_CASE("a tight cache, few prefixes, dropped turns: right or refused, never wrong") {
  soak({1'500, 16, 64, true}, settings_with(12, 3, 300, 0), 0, seconds_each());
}

TEST_CASE("a model that fails now and then: the calls at fault fail, the others are right") {
  soak({8'192, 32, 64, false}, settings_with(16, 4, 1000, 300), 50, seconds_each());
}
