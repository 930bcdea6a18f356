// The engine on a model made of arithmetic: every text it delivers is compared with the text that the
// plain history gives.
//
// Above 400 lines because one plain history is what every test compares with.
#include <doctest/doctest.h>

#include <atomic>

#include "fake_engine.h"

using namespace offhook::llm;

namespace {

const std::vector<int32_t> kTurn{0};  // a turn begins with the first token

}  // namespace

TEST_CASE("an answer is the text that the history gives, and the counters say what it cost") {
  Bench bench;
  const auto prefix = tokens_of("you are a helpful voice");
  const auto call = bench.engine->open(prefix);
  call->append(tokens_of("hello there"), kTurn);
  GenerationOptions options;
  options.max_tokens = 20;
  const auto generation = call->generate(options);
  const Answer answer = read_all(*bench.engine, *generation);
  int32_t generated = 0;
  CHECK(answer.text == expected_answer(joined(prefix, "hello there"), 20, &generated));
  CHECK((answer.finish == Finish::kEnd || answer.finish == Finish::kLength));
  const GenerationStats stats = generation->stats();
  CHECK(stats.generated_tokens == generated);
  CHECK(stats.prompt_tokens_computed == static_cast<int32_t>(prefix.size()) + 11);
  CHECK(stats.prompt_tokens_reused == 0);
  CHECK(stats.first_token_ns >= stats.submitted_ns);
  CHECK(call->state().tokens == static_cast<int32_t>(prefix.size()) + 11 + generated);
}

TEST_CASE("a prefix is computed once for all calls, and not at all for the second turn") {
  Bench bench;
  const auto prefix = tokens_of(std::string(100, 'p'));
  const auto preload = bench.engine->preload(prefix);
  REQUIRE(wait_until(*bench.engine, [&] { return preload->done(); }));
  CHECK(bench.backend->tokens_computed == 100);
  std::vector<std::unique_ptr<Conversation>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(bench.engine->open(prefix));
    const std::string words = "caller " + std::to_string(i);
    calls.back()->append(tokens_of(words), kTurn);
    GenerationOptions options;
    options.max_tokens = 5;
    const auto generation = calls.back()->generate(options);
    CHECK(read_all(*bench.engine, *generation).text == expected_answer(joined(prefix, words), 5));
    CHECK(generation->stats().prompt_tokens_computed == 8);
    CHECK(generation->stats().prompt_tokens_reused == 100);
  }
  CHECK(bench.backend->tokens_computed < 100 + 8 * (8 + 5));
  CHECK(bench.backend->shares == 8);
  const EngineStats stats = bench.engine->stats();
  CHECK(stats.prefix_hits == 8);
  CHECK(stats.prefix_misses == 1);
  CHECK(stats.cells_used == bench.backend->live_cells());
}

TEST_CASE("many calls in one batch write what each would write alone") {
  Bench bench;
  const auto prefix = tokens_of("shared prefix");
  std::vector<std::unique_ptr<Conversation>> calls;
  std::vector<std::unique_ptr<Generation>> answers;
  std::vector<std::string> words;
  bench.gate.shut();  // all of them are there before the first batch is out
  for (int i = 0; i < 8; ++i) {
    words.push_back(question_with_long_answer(prefix, 10 + i));
    calls.push_back(bench.engine->open(prefix));
    calls.back()->append(tokens_of(words.back()), kTurn);
    GenerationOptions options;
    options.max_tokens = 10 + i;
    answers.push_back(calls.back()->generate(options));
  }
  bench.gate.open();
  for (size_t i = 0; i < 8; ++i) {
    CHECK(read_all(*bench.engine, *answers[i]).text ==
          expected_answer(joined(prefix, words[i]), 10 + static_cast<int32_t>(i)));
  }
  CHECK(bench.backend->batches < 8 * 10);
}

TEST_CASE("rolling back gives the same text as never having said it") {
  Bench bench;
  const auto prefix = tokens_of("prefix");
  const auto call = bench.engine->open(prefix);
  call->append(tokens_of("my name is "), kTurn);
  const Mark mark = call->mark();
  call->append(tokens_of("Jon"));
  bench.settle(*call);
  bench.answer(*call, 5);
  call->rollback(mark);
  call->append(tokens_of("Joan"));
  CHECK(bench.answer(*call) == expected_answer(joined(prefix, "my name is Joan"), 20));
  call->rollback(mark);
  SUBCASE("and a mark behind it is gone") {
    call->append(tokens_of("x"));
    const Mark later = call->mark();
    call->rollback(mark);
    CHECK_THROWS_AS(call->rollback(later), EngineError);
  }
  SUBCASE("with nothing appended the last token is computed again for its logits") {
    const int64_t before = bench.backend->tokens_computed;
    CHECK(bench.answer(*call, 1) == expected_answer(joined(prefix, "my name is "), 1));
    CHECK(bench.backend->tokens_computed - before <= 2);
  }
  SUBCASE("to the start") {
    call->rollback(call->start());
    CHECK(call->state().tokens == 6);
    CHECK(bench.answer(*call) == expected_answer(prefix, 20));
  }
}

TEST_CASE("a rollback while its tokens are being computed") {
  Bench bench;
  const auto prefix = tokens_of("prefix");
  const auto call = bench.engine->open(prefix);
  call->append(tokens_of("one "), kTurn);
  bench.settle(*call);
  const Mark mark = call->mark();
  bench.gate.shut();
  call->append(tokens_of("two three"));
  bench.gate.wait_for_thread();
  call->rollback(mark);
  call->append(tokens_of("six seven"));  // as long as what is being computed
  bench.gate.open();
  CHECK(bench.answer(*call) == expected_answer(joined(prefix, "one six seven"), 20));
}

TEST_CASE("appended text is computed as it comes; the answer then needs no more prompt") {
  Bench bench;
  const auto call = bench.engine->open(tokens_of("prefix"));
  for (const char* word : {"I ", "want ", "to ", "book "}) {
    call->append(tokens_of(word));
    bench.settle(*call);
  }
  const int64_t before = bench.backend->tokens_computed;
  GenerationOptions options;
  options.max_tokens = 1;
  const auto generation = call->generate(options);
  read_all(*bench.engine, *generation);
  CHECK(generation->stats().decodes == 1);  // the kept logits, no batch
  CHECK(bench.backend->tokens_computed == before);
}

TEST_CASE("cancel takes effect within one batch, and the conversation goes on") {
  auto settings = Bench::defaults();
  settings.queue_pieces = 6;  // nobody reads: the answer pauses here
  Bench bench(settings);
  const auto prefix = tokens_of("prefix");
  const std::string words = question_with_long_answer(prefix, 50);
  const auto call = bench.engine->open(prefix);
  call->append(tokens_of(words), kTurn);
  const Mark mark = call->mark();
  GenerationOptions options;
  options.max_tokens = 50;
  const auto generation = call->generate(options);
  REQUIRE(wait_until(*bench.engine, [&] { return generation->stats().generated_tokens >= 5; }));
  bench.gate.shut();
  generation->cancel();
  generation->cancel();
  CHECK(generation->take().finish == Finish::kCancelled);
  const int32_t at_cancel = generation->stats().generated_tokens;
  bench.gate.open();
  call->rollback(mark);
  CHECK(bench.answer(*call, 50) == expected_answer(joined(prefix, words), 50));
  CHECK(generation->stats().generated_tokens == at_cancel);
}

TEST_CASE("a stop string ends the answer before it; the transcript holds exactly the answer") {
  Bench bench;
  const auto prefix = tokens_of("prefix");
  const std::string words = question_with_long_answer(prefix, 30);
  const std::string whole = expected_answer(joined(prefix, words), 30);
  for (const size_t at : {size_t{3}, size_t{11}, size_t{17}}) {
    const std::string stop = whole.substr(at, 2);
    const std::string before = whole.substr(0, whole.find(stop));
    const auto call = bench.engine->open(prefix);
    call->append(tokens_of(words), kTurn);
    GenerationOptions options;
    options.max_tokens = 30;
    options.stop = {stop};
    const auto generation = call->generate(options);
    const Answer answer = read_all(*bench.engine, *generation);
    CHECK(answer.finish == Finish::kStop);
    CHECK(answer.text == before);
    call->append(tokens_of("next"), kTurn);
    CHECK(bench.answer(*call) == expected_answer(joined(prefix, words + before + "next"), 20));
  }
}

TEST_CASE("what was heard of an answer is kept, the rest is forgotten") {
  Bench bench;
  const auto prefix = tokens_of("prefix");
  const std::string words = question_with_long_answer(prefix, 30);
  const auto call = bench.engine->open(prefix);
  call->append(tokens_of(words), kTurn);
  const std::string answer = bench.answer(*call, 30);
  call->append(tokens_of("<end>"));
  call->keep_answer(answer.size() / 2);
  size_t kept = answer.size() / 2;
  while (kept > 0 && (static_cast<unsigned char>(answer[kept]) & 0xC0) == 0x80) --kept;
  call->append(tokens_of("stop!"), kTurn);
  const std::string next = bench.answer(*call);
  CHECK(next == expected_answer(joined(prefix, words + answer.substr(0, kept) + "stop!"), 20));
  SUBCASE("not twice after it was rolled back") {
    call->rollback(call->start());
    CHECK_THROWS_AS(call->keep_answer(1), EngineError);
  }
}

TEST_CASE("the end probability comes from the logits at the end") {
  Bench bench;
  const auto call = bench.engine->open(tokens_of("prefix"));
  const auto probability = [&] {
    return wait_for_end(*bench.engine, *call, call->ask_end_probability()).probability;
  };
  int seen_ends = 0;
  int seen_others = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string words = "words " + std::to_string(i);
    call->rollback(call->start());
    call->append(tokens_of(words), kTurn);
    const Token next = fake_next(joined(tokens_of("prefix"), words));
    const bool ends = next == '.' || next == '?' || next == '!' || next == kFakeEnd;
    (ends ? seen_ends : seen_others)++;
    CHECK((probability() > 0.5) == ends);
  }
  CHECK(seen_ends > 3);
  CHECK(seen_others > 100);
  CHECK(probability() >= 0.0);  // asked again: from the logits that are there
}

TEST_CASE("a prefix is evicted when its place is needed and comes back on demand") {
  auto settings = Bench::defaults();
  settings.prefixes = 2;
  Bench bench(settings);
  const auto ask = [&](const std::string& prefix) {
    const auto call = bench.engine->open(tokens_of(prefix));
    call->append(tokens_of("q"), kTurn);
    CHECK(bench.answer(*call, 5) == expected_answer(joined(tokens_of(prefix), "q"), 5));
  };
  ask("first prefix");
  ask("second prefix");
  ask("first prefix");   // a hit
  ask("third prefix");   // evicts the second, which was used longest ago
  ask("first prefix");   // still there
  ask("second prefix");  // back again
  const EngineStats stats = bench.engine->stats();
  CHECK(stats.prefix_misses == 4);
  CHECK(stats.prefix_hits == 2);
  CHECK(stats.prefix_evictions >= 2);
  SUBCASE("more prefixes in use than places: the rest compute their own") {
    std::vector<std::unique_ptr<Conversation>> calls;
    for (int i = 0; i < 6; ++i) {
      const std::string prefix = "prefix " + std::to_string(i);
      calls.push_back(bench.engine->open(tokens_of(prefix)));
      calls.back()->append(tokens_of("q"), kTurn);
      CHECK(bench.answer(*calls.back(), 5) == expected_answer(joined(tokens_of(prefix), "q"), 5));
    }
    const auto preload = bench.engine->preload(tokens_of("one more"));
    CHECK(wait_until(*bench.engine, [&] { return preload->done(); }));  // there is nothing to wait for
    calls.push_back(bench.engine->open(tokens_of("one more")));
    calls.back()->append(tokens_of("q"), kTurn);
    CHECK(bench.answer(*calls.back(), 5) == expected_answer(joined(tokens_of("one more"), "q"), 5));
  }
}

TEST_CASE("idle prefixes make room when the cache is short") {
  FakeBackend::Shape shape;
  shape.cells = 600;
  Bench bench(Bench::defaults(), shape);
  for (int i = 0; i < 4; ++i) {
    const auto preload = bench.engine->preload(tokens_of(std::string(130, static_cast<char>('a' + i))));
    REQUIRE(wait_until(*bench.engine, [&] { return preload->done(); }));
  }
  const auto call = bench.engine->open(tokens_of("p"));
  const std::string words(350, 'w');
  call->append(tokens_of(words), kTurn);
  CHECK(bench.answer(*call, 5) == expected_answer(joined(tokens_of("p"), words), 5));
  CHECK(bench.engine->stats().prefix_evictions >= 2);
}

TEST_CASE("a conversation that outgrows its share drops its oldest turns and says so") {
  for (const bool can_shift : {true, false}) {
    FakeBackend::Shape shape;
    shape.can_shift = can_shift;
    Bench bench(Bench::defaults(), shape);
    const auto prefix = tokens_of("the prefix stays");
    const auto call = bench.engine->open(prefix);
    std::vector<std::string> turns;
    for (int i = 0; i < 12; ++i) {
      const std::string words = "turn " + std::to_string(i) + std::string(30, 'x');
      call->append(tokens_of(words), kTurn);
      const std::string said = bench.answer(*call, 10);
      turns.push_back(words + said);
      const auto state = call->state();
      CHECK(state.tokens <= call->tokens_limit());
      if (i < 11) continue;
      REQUIRE(state.dropped > 0);
      // What is left is the prefix and whole turns; the next answer follows from exactly that.
      std::string kept;
      for (size_t first = turns.size(); first-- > 0;) {
        kept = turns[first] + kept;
        if (static_cast<int32_t>(prefix.size() + kept.size()) >= state.tokens) break;
      }
      CHECK(static_cast<int32_t>(prefix.size() + kept.size()) == state.tokens);
      call->append(tokens_of("?"), kTurn);
      CHECK(bench.answer(*call, 10) == expected_answer(joined(prefix, kept + "?"), 10));
    }
    CHECK(bench.backend->cuts == (can_shift ? bench.backend->cuts.load() : 0));
    if (can_shift) CHECK(bench.backend->cuts > 0);
    CHECK(bench.engine->stats().dropped_tokens > 0);
  }
}

TEST_CASE("what cannot fit is refused and changes nothing") {
  Bench bench;
  const auto call = bench.engine->open(tokens_of("prefix"));
  call->append(tokens_of("hello"), kTurn);
  CHECK_THROWS_AS(call->append(tokens_of(std::string(395, 'x'))), EngineError);
  CHECK(call->state().tokens == 11);
  CHECK(bench.answer(*call) == expected_answer(tokens_of("prefixhello"), 20));
  CHECK_THROWS_AS(bench.engine->open(tokens_of(std::string(380, 'x'))), EngineError);
  const std::vector<Token> foreign{kFakeVocabulary};
  const std::vector<Token> negative{-1};
  CHECK_THROWS_AS(call->append(foreign), EngineError);
  CHECK_THROWS_AS(bench.engine->open(negative), EngineError);
  GenerationOptions bad;
  bad.max_tokens = 0;
  CHECK_THROWS_AS(call->generate(bad), EngineError);
  bad = {};
  bad.sampling.top_p = 0;
  CHECK_THROWS_AS(call->generate(bad), EngineError);
  const auto empty = bench.engine->open({});
  CHECK_THROWS_AS(empty->generate({}), EngineError);
}

TEST_CASE("an answer that reaches the end of the share ends there") {
  auto settings = Bench::defaults();
  settings.call_tokens = 64;
  Bench bench(settings);
  for (int i = 0;; ++i) {
    const std::string words(50, static_cast<char>('a' + i));
    int32_t generated = 0;
    expected_answer(tokens_of(words), 20, &generated);
    if (generated < 20) continue;
    const auto call = bench.engine->open({});
    call->append(tokens_of(words), kTurn);
    GenerationOptions options;
    options.max_tokens = 20;
    const auto generation = call->generate(options);
    const Answer answer = read_all(*bench.engine, *generation);
    CHECK(answer.finish == Finish::kContext);
    CHECK(answer.text == expected_answer(tokens_of(words), 14));
    break;
  }
}

TEST_CASE("no more conversations than places; a closed one's place is free at once") {
  Bench bench;
  std::vector<std::unique_ptr<Conversation>> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(bench.engine->open(tokens_of("p")));
  CHECK_THROWS_AS(bench.engine->open(tokens_of("p")), EngineError);
  bench.gate.shut();
  calls[3]->append(tokens_of("being computed"), kTurn);
  bench.gate.wait_for_thread();
  calls[3]->close();
  calls[3]->close();
  calls[3] = bench.engine->open(tokens_of("p"));
  bench.gate.open();
  calls[3]->append(tokens_of("new"), kTurn);
  CHECK(bench.answer(*calls[3]) == expected_answer(tokens_of("pnew"), 20));
}

TEST_CASE("a reader that does not read pauses its own generation and no other") {
  auto settings = Bench::defaults();
  settings.queue_pieces = 4;
  Bench bench(settings);
  const std::string words = question_with_long_answer({}, 50);
  const auto slow = bench.engine->open({});
  slow->append(tokens_of(words), kTurn);
  GenerationOptions options;
  options.max_tokens = 50;
  const auto unread = slow->generate(options);
  const auto brisk = bench.engine->open({});
  brisk->append(tokens_of(words), kTurn);
  CHECK(bench.answer(*brisk, 50) == expected_answer(tokens_of(words), 50));
  CHECK(unread->stats().generated_tokens < 20);
  CHECK(read_all(*bench.engine, *unread).text == expected_answer(tokens_of(words), 50));
}

TEST_CASE("a batch that fails is taken apart: only the call at fault fails") {
  Bench bench;
  const Token poison = '~';
  bench.fail_if = [&](std::span<const BatchToken> batch) {
    return std::any_of(batch.begin(), batch.end(),
                       [&](const BatchToken& entry) { return entry.token == poison; });
  };
  const auto prefix = tokens_of("prefix");
  std::vector<std::unique_ptr<Conversation>> calls;
  std::vector<std::unique_ptr<Generation>> answers;
  bench.gate.shut();
  for (int i = 0; i < 4; ++i) {
    calls.push_back(bench.engine->open(prefix));
    calls.back()->append(tokens_of(i == 2 ? "bad ~" : "good " + std::to_string(i)), kTurn);
    GenerationOptions options;
    options.max_tokens = 3;
    answers.push_back(calls.back()->generate(options));
  }
  bench.gate.open();
  for (size_t i = 0; i < 4; ++i) {
    const Answer answer = read_all(*bench.engine, *answers[i]);
    if (i == 2) {
      CHECK(answer.finish == Finish::kFailed);
      CHECK_FALSE(answer.error.empty());
      continue;
    }
    const auto history = joined(prefix, "good " + std::to_string(i));
    const std::string expected = expected_answer(history, 3);
    if (expected.find('~') == std::string::npos) CHECK(answer.text == expected);
  }
  CHECK(bench.engine->stats().failures > 0);
}

TEST_CASE("a prefix that cannot be computed fails the calls that wait for it, and only those") {
  Bench bench;
  bench.fail_if = [](std::span<const BatchToken> batch) {
    return std::any_of(batch.begin(), batch.end(),
                       [](const BatchToken& entry) { return entry.token == '~'; });
  };
  bench.gate.shut();
  const auto doomed = bench.engine->open(tokens_of("bad prefix ~"));
  doomed->append(tokens_of("hello"), kTurn);
  const auto generation = doomed->generate({});
  bench.gate.open();
  CHECK(read_all(*bench.engine, *generation).finish == Finish::kFailed);
  CHECK_THROWS_AS(doomed->append(tokens_of("x")), EngineError);
  const auto preload = bench.engine->preload(tokens_of("bad too ~"));
  bool failed = false;
  CHECK(wait_until(*bench.engine, [&] {
    try {
      return preload->done();
    } catch (const EngineError&) {
      failed = true;
      return true;
    }
  }));
  CHECK(failed);
  const auto fine = bench.engine->open(tokens_of("fine"));
  fine->append(tokens_of("hello"), kTurn);
  const std::string expected = expected_answer(tokens_of("finehello"), 2);
  if (expected.find('~') == std::string::npos) CHECK(bench.answer(*fine, 2) == expected);
}

TEST_CASE("a thread that is woken moves, and one that hangs in a batch does not") {
  Bench bench;
  const auto moves = [&] {
    const auto before = bench.engine->health().last_progress_ns;
    bench.engine->wake();
    return wait_until(*bench.engine, [&] { return bench.engine->health().last_progress_ns != before; });
  };
  CHECK(moves());
  CHECK(moves());
  bench.gate.shut();
  const auto call = bench.engine->open(tokens_of("p"));
  bench.gate.wait_for_thread();
  const auto before = bench.engine->health().last_progress_ns;
  bench.engine->wake();
  bench.engine->wake();
  CHECK(bench.engine->health().last_progress_ns == before);  // it is inside the batch, and cannot have moved
  bench.gate.open();
  CHECK(wait_until(*bench.engine, [&] { return bench.engine->health().last_progress_ns != before; }));
}

TEST_CASE("health shows a batch that hangs") {
  Bench bench;
  CHECK(bench.engine->health().decoding_since_ns == 0);
  bench.gate.shut();
  const auto call = bench.engine->open(tokens_of("p"));
  bench.gate.wait_for_thread();
  const Health health = bench.engine->health();
  CHECK(health.decoding_since_ns > 0);
  CHECK(health.decoding_since_ns >= health.last_progress_ns);
  CHECK_FALSE(health.stopped);
  CHECK(call->state().tokens == 1);  // nobody else is held up
}

TEST_CASE("stopping ends everything; handles live on and say so") {
  auto bench = std::make_unique<Bench>();
  const auto call = bench->engine->open(tokens_of("p"));
  const std::string words = question_with_long_answer(tokens_of("p"), 50);
  call->append(tokens_of(words), kTurn);
  GenerationOptions options;
  options.max_tokens = 50;
  const auto generation = call->generate(options);
  bench->engine->stop();
  bench->engine->stop();
  const auto taken = generation->take();
  CHECK((taken.finish == Finish::kFailed || taken.finish == Finish::kLength));
  CHECK(bench->engine->health().stopped);
  CHECK_THROWS_AS(call->append(tokens_of("x")), EngineError);
  CHECK_THROWS_AS(call->generate(options), EngineError);
  CHECK_THROWS_AS(bench->engine->open(tokens_of("p")), EngineError);
  call->close();
  bench.reset();
  generation->cancel();
  CHECK(generation->stats().generated_tokens <= 50);
}

TEST_CASE("nothing is left over") {
  const LiveObjects live = live_objects();
  CHECK(live.engines == 0);
  CHECK(live.conversations == 0);
  CHECK(live.generations == 0);
  CHECK(live.prefixes == 0);
}
