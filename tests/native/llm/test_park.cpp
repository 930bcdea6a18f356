// Prefixes without a call leave the cache and come back with their caller, on the model made of arithmetic.
#include <doctest/doctest.h>

#include <future>

#include "fake_engine.h"

using namespace offhook::llm;

namespace {

const std::vector<int32_t> kTurn{0};  // a turn begins with the first token

std::vector<Token> business(int number) {
  return tokens_of("business " + std::to_string(number) + std::string(90, 'p'));  // 100 tokens
}

EngineSettings parking(int32_t tokens) {
  auto settings = Bench::defaults();
  settings.parked_tokens = tokens;
  return settings;
}

void preload(Bench& bench, int from, int to) {
  for (int i = from; i < to; ++i) {
    const auto done = bench.engine->preload(business(i));
    REQUIRE(wait_until(*bench.engine, [&] { return done->done(); }));
  }
}

/// Nothing but `cells` is in the cache, as soon as the engine thread has done what there is to do.
void wait_for_cells(Bench& bench, int32_t cells) {
  CHECK(wait_until(*bench.engine, [&] {
    bench.engine->wake();
    // Both: a prefix on its way has left one of them, or not come into it yet.
    return bench.engine->stats().cells_used == cells && bench.backend->live_cells() == cells;
  }));
}

/// Asks a new call of that business; how many tokens that computed.
int64_t computed_for(Bench& bench, int number) {
  const int64_t before = bench.backend->tokens_computed;
  const auto call = bench.engine->open(business(number));
  call->append(tokens_of("q"), kTurn);
  CHECK(bench.answer(*call, 5) == expected_answer(joined(business(number), "q"), 5));
  return bench.backend->tokens_computed - before;
}

constexpr int64_t kTail = 8;  // "q" and five tokens of an answer, at most

}  // namespace

TEST_CASE("idle prefixes leave the cache and are not computed again") {
  Bench bench(parking(2000));
  preload(bench, 0, 9);  // more than the four sequences for them
  wait_for_cells(bench, 0);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 9; ++i) CHECK(computed_for(bench, i) <= kTail);
  }
  wait_for_cells(bench, 0);
  const EngineStats stats = bench.engine->stats();
  CHECK(stats.prefixes == 9);
  CHECK(stats.prefix_restores == 18);
  CHECK(stats.prefix_evictions == 0);
  CHECK(bench.backend->saves == 9);  // copied once; a prefix never changes
}

TEST_CASE("the only prefix stays where it is, and so does one that calls use") {
  Bench bench(parking(2000));
  preload(bench, 0, 1);
  CHECK(computed_for(bench, 0) <= kTail);
  wait_for_cells(bench, 100);
  CHECK(bench.backend->saves == 0);
  const auto call = bench.engine->open(business(0));
  preload(bench, 1, 4);
  wait_for_cells(bench, 100);
  CHECK(bench.backend->saves == 3);
}

TEST_CASE("copies have a bound: those used longest ago go, and are computed again") {
  Bench bench(parking(250));
  preload(bench, 0, 4);
  wait_for_cells(bench, 0);
  CHECK(bench.engine->stats().prefix_evictions == 2);
  CHECK(computed_for(bench, 3) <= kTail);
  CHECK(computed_for(bench, 0) > 100);
  CHECK(computed_for(bench, 3) <= kTail);
}

TEST_CASE("a prefix too large for the copies stays in the cache until its place is needed") {
  Bench bench(parking(50));
  preload(bench, 0, 4);
  wait_for_cells(bench, 400);
  CHECK(computed_for(bench, 0) <= kTail);
  CHECK(computed_for(bench, 4) > 100);
  CHECK(bench.backend->saves == 0);
}

TEST_CASE("a copy that finds no room is computed again") {
  Bench bench(parking(2000));
  preload(bench, 0, 3);
  wait_for_cells(bench, 0);
  bench.backend->refuse_restores = true;
  CHECK(computed_for(bench, 1) > 100);
  CHECK(bench.engine->stats().prefix_restores == 0);
}

TEST_CASE("a call that comes, or goes, while its prefix is copied") {
  Bench bench(parking(2000));
  std::unique_ptr<Conversation> call;
  std::atomic<bool> opened{false};
  SUBCASE("out of the cache") {
    bench.backend->between_copies = [&] {
      if (!opened) call = bench.engine->open(business(0));
      opened = true;
    };
    preload(bench, 0, 2);
    REQUIRE(wait_until(*bench.engine, [&] { return opened.load(); }));
    call->append(tokens_of("q"), kTurn);
    CHECK(bench.answer(*call, 5) == expected_answer(joined(business(0), "q"), 5));
    wait_for_cells(bench, call->state().computed);
  }
  SUBCASE("into it") {
    std::promise<void> there;
    std::atomic<bool> into{false};
    bench.backend->between_copies = [&] {
      if (!into.exchange(false)) return;
      there.get_future().wait();
      call->close();
    };
    preload(bench, 0, 2);
    wait_for_cells(bench, 0);
    into = true;
    call = bench.engine->open(business(0));
    there.set_value();
    CHECK(wait_until(*bench.engine, [&] { return !into; }));
    wait_for_cells(bench, 0);
    CHECK(computed_for(bench, 0) <= kTail);
  }
}
