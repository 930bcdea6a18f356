// The engine beside others that compute: it begins no batch without a core, and its callers' commits count.
#include <doctest/doctest.h>

#include <thread>

#include "fake_engine.h"

using namespace offhook;
using namespace offhook::llm;

namespace {

constexpr int64_t kLong_ns = 30'000'000'000;

struct Beside {
  explicit Beside(int32_t count) : cores(std::make_shared<Cores>(count)) {}

  EngineSettings settings() const {
    EngineSettings settings = Bench::defaults();
    settings.cores = cores;
    return settings;
  }
  /// Until so many places wait.
  void wait_for(int32_t waiting) const {
    while (cores->stats().waiting != waiting) std::this_thread::yield();
  }

  std::shared_ptr<Cores> cores;
};

}  // namespace

TEST_CASE("a batch waits for a core, is computed by as many threads as there are, and gives them back") {
  const Beside beside(6);
  CorePlace other(beside.cores);
  REQUIRE(other.enter(6, kLong_ns) == 6);
  {
    Bench bench(beside.settings());
    const auto call = bench.engine->open(tokens_of("a prefix"));
    call->append(tokens_of("some words"));
    call->ask_computed();
    beside.wait_for(1);
    CHECK(bench.backend->batches == 0);
    other.leave();
    bench.settle(*call);
    CHECK(bench.backend->cores_used == 4);
    CHECK(bench.answer(*call) == expected_answer(joined(tokens_of("a prefix"), "some words"), 20));
    CHECK(beside.cores->stats().most == 6);
  }
  CHECK(beside.cores->stats().running == 0);
  CHECK(CorePlace::live() == 1);
}

TEST_CASE("a commit moves the engine in front of what others have prepared") {
  const Beside beside(1);
  CorePlace busy(beside.cores);
  REQUIRE(busy.enter(1, kLong_ns) == 1);
  Bench bench(beside.settings());
  const auto call = bench.engine->open(tokens_of("a prefix"), false);
  call->append(tokens_of("some words"));
  call->ask_computed();
  beside.wait_for(1);
  std::atomic<int64_t> computed{-1};
  std::thread voice([&] {
    CorePlace place(beside.cores);
    place.urge({Rank::kPrepared, 1});
    place.enter(1, kLong_ns);
    computed = bench.backend->batches.load();
    place.leave();
  });
  beside.wait_for(2);
  call->set_committed(true, 5);
  CHECK(busy.wanted() == false);  // it is committed itself, and the one that waits is no more than that
  busy.urge({Rank::kPrepared, 0});
  CHECK(busy.wanted());
  busy.leave();
  bench.settle(*call);
  voice.join();
  CHECK(computed > 0);
}

TEST_CASE("an engine that waits for a core can be ended") {
  const Beside beside(1);
  CorePlace busy(beside.cores);
  REQUIRE(busy.enter(1, kLong_ns) == 1);
  Bench bench(beside.settings());
  const auto call = bench.engine->open(tokens_of("a prefix"));
  call->ask_computed();
  beside.wait_for(1);
  bench.engine->stop();
  CHECK(bench.backend->batches == 0);
}
