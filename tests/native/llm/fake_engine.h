// An engine on the model made of arithmetic, and what its tests ask of it.

#pragma once

#include <doctest/doctest.h>

#include <condition_variable>

#include "fake_backend.h"
#include "llm/engine.h"
#include "waiting.h"

namespace offhook::llm {

/// Holds the engine thread inside decode() until it is let go.
class Gate {
 public:
  void shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    shut_ = false;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    inside_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !shut_; });
    inside_ = false;
  }
  void wait_for_thread() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return inside_; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  bool inside_ = false;
};

struct Bench {
  explicit Bench(const EngineSettings& settings = defaults(), const FakeBackend::Shape& shape = {})
      : backend(std::make_shared<FakeBackend>(shape)) {
    backend->before_decode = [this](std::span<const BatchToken> batch) {
      if (on_batch) on_batch(batch);
      gate.pass();
    };
    backend->fail_if = [this](std::span<const BatchToken> batch) { return fail_if && fail_if(batch); };
    engine = std::make_unique<Engine>(backend, settings);
  }
  ~Bench() {
    gate.open();
    engine.reset();
    CHECK(backend->first_misuse() == "");
  }
  static EngineSettings defaults() {
    EngineSettings settings;
    settings.calls = 8;
    settings.prefixes = 4;
    settings.call_tokens = 400;
    settings.scheduler.max_batch_tokens = 64;
    return settings;
  }
  std::string answer(Conversation& call, int32_t max_tokens = 20) {
    GenerationOptions options;
    options.max_tokens = max_tokens;
    const auto generation = call.generate(options);
    return read_all(*engine, *generation).text;
  }
  /// Everything computed and every closed place given back.
  void settle(Conversation& call) {
    call.ask_computed();
    REQUIRE(wait_until(*engine, [&] { return call.state().computed == call.state().tokens; }));
  }

  Gate gate;
  std::function<void(std::span<const BatchToken>)> on_batch;  // set while nothing is wanted of the engine
  std::function<bool(std::span<const BatchToken>)> fail_if;
  std::shared_ptr<FakeBackend> backend;
  std::unique_ptr<Engine> engine;
};

inline std::vector<Token> joined(std::vector<Token> a, std::string_view b) {
  const auto more = tokens_of(b);
  a.insert(a.end(), more.begin(), more.end());
  return a;
}

/// A history whose answer has at least `tokens` tokens.
inline std::string question_with_long_answer(const std::vector<Token>& prefix, int32_t tokens) {
  for (int i = 0;; ++i) {
    const std::string question = "question " + std::to_string(i);
    int32_t generated = 0;
    expected_answer(joined(prefix, question), tokens, &generated);
    if (generated >= tokens) return question;
  }
}

}  // namespace offhook::llm
