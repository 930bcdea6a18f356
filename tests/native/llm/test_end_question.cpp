// Questions for an end probability: about the end at the moment of asking, whatever is written behind it.
#include <doctest/doctest.h>

#include "fake_engine.h"

using namespace offhook::llm;
using State = EndAnswer::State;

namespace {

const std::vector<Token> kPrefix = tokens_of("prefix");
const std::vector<int32_t> kTurn{0};

/// Words after which the fake model does, or does not, expect an end.
std::string words_that(bool end, const std::vector<Token>& history = kPrefix) {
  for (int i = 0;; ++i) {
    const std::string words = "words " + std::to_string(i);
    const Token next = fake_next(joined(history, words));
    if ((next == '.' || next == '?' || next == '!' || next == kFakeEnd) == end) return words;
  }
}

/// An engine whose thread is held inside a batch of another call.
struct Held {
  explicit Held(const EngineSettings& settings = Bench::defaults(), const FakeBackend::Shape& shape = {})
      : bench(settings, shape), other(bench.engine->open(tokens_of("other"))) {
    call = bench.engine->open(kPrefix);
    bench.settle(*call);
    begin = call->mark();
    bench.settle(*other);
    hold();
  }
  ~Held() { bench.gate.open(); }
  void hold() {
    bench.gate.shut();
    other->append(tokens_of("o"));
    other->ask_computed();
    bench.gate.wait_for_thread();
    batches = bench.backend->batches;
    computed = bench.backend->tokens_computed;
  }
  EndAnswer answer(uint64_t question) {
    bench.gate.open();
    return wait_for_end(*bench.engine, *call, question);
  }

  Bench bench;
  std::unique_ptr<Conversation> other;
  std::unique_ptr<Conversation> call;
  Mark begin;
  int64_t batches = 0;
  int64_t computed = 0;
};

GenerationOptions up_to(int32_t tokens) {
  GenerationOptions options;
  options.max_tokens = tokens;
  return options;
}

}  // namespace

TEST_CASE("asked, written on and answered in one batch: as when it is waited for") {
  for (const bool end : {true, false}) {
    Held held;
    const std::string words = words_that(end);
    const auto waiting = held.bench.engine->open(kPrefix);
    waiting->append(tokens_of(words), kTurn);
    const uint64_t first = waiting->ask_end_probability();

    held.call->append(tokens_of(words), kTurn);
    const uint64_t question = held.call->ask_end_probability();
    held.call->append(tokens_of(" and a note"));
    const auto generation = held.call->generate(up_to(20));
    CHECK(held.call->end_answer(question).state == State::kWaiting);
    const EndAnswer answer = held.answer(question);
    CHECK(answer.state == State::kGiven);
    CHECK((answer.probability > 0.5) == end);
    CHECK(answer.probability == wait_for_end(*held.bench.engine, *waiting, first).probability);
    const Answer said = read_all(*held.bench.engine, *generation);
    CHECK(said.text == expected_answer(joined(kPrefix, words + " and a note"), 20));
    // The batch that was out, one for both calls, and the rest of the answer.
    CHECK(held.bench.backend->batches - held.batches <= 2 + generation->stats().generated_tokens);
    CHECK(generation->stats().decodes <= generation->stats().generated_tokens + 1);
    CHECK(held.call->end_answer(question).state == State::kGiven);  // for as long as no other is asked
    CHECK(held.call->end_answer(question).probability == answer.probability);
  }
}

TEST_CASE("the text is cut into several batches: whichever computes the place answers") {
  EngineSettings settings = Bench::defaults();
  settings.scheduler.max_batch_tokens = 5;
  Held held(settings);
  const std::string words = words_that(true);
  held.call->append(tokens_of(words), kTurn);
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of(" and something rather long"));
  const auto generation = held.call->generate(up_to(8));
  CHECK(held.answer(question).probability > 0.5);
  CHECK(read_all(*held.bench.engine, *generation).text ==
        expected_answer(joined(kPrefix, words + " and something rather long"), 8));
}

TEST_CASE("no row of logits to spare: the end waits for the next batch") {
  FakeBackend::Shape shape;
  shape.logit_rows = 2;
  EngineSettings settings = Bench::defaults();
  settings.calls = 2;
  Held held(settings, shape);
  const std::string words = words_that(true);
  held.other->append(tokens_of("more"));
  held.call->append(tokens_of(words), kTurn);
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of(" note"));
  const auto generation = held.call->generate(up_to(8));
  CHECK(held.answer(question).probability > 0.5);
  CHECK(read_all(*held.bench.engine, *generation).text ==
        expected_answer(joined(kPrefix, words + " note"), 8));
}

TEST_CASE("what is there already is not computed again") {
  Held held;
  const std::string words = words_that(true);
  int64_t more = 0;
  SUBCASE("the logits are in memory") {
    held.call->append(tokens_of(words), kTurn);
    held.bench.gate.open();
    held.bench.settle(*held.call);
    held.hold();
  }
  SUBCASE("the text is in the batch that is out") {
    held.bench.gate.open();
    held.bench.settle(*held.other);
    held.bench.gate.shut();
    held.call->append(tokens_of(words), kTurn);
    held.bench.gate.wait_for_thread();
    held.computed = held.bench.backend->tokens_computed;
    more = static_cast<int64_t>(tokens_of(words).size()) - 1;
  }
  SUBCASE("after a rollback it has to be: one token") {
    held.call->append(tokens_of(words), kTurn);
    const Mark mark = held.call->mark();
    held.call->append(tokens_of("wrong"));
    held.bench.gate.open();
    held.bench.settle(*held.call);
    held.hold();
    held.call->rollback(mark);
    more = 1;
  }
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of("note"));
  CHECK(held.answer(question).probability > 0.5);
  held.bench.settle(*held.call);
  CHECK(held.bench.backend->tokens_computed - held.computed == 1 + more + 4);
  CHECK(held.bench.answer(*held.call) == expected_answer(joined(kPrefix, words + "note"), 20));
}

TEST_CASE("rolled back before it was computed: gone; behind it: answered") {
  Held held;
  const std::string words = words_that(true);
  held.call->append(tokens_of(words), kTurn);
  const Mark end = held.call->mark();
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of("more"));
  SUBCASE("before") {
    held.bench.engine->poll();
    held.call->rollback(held.begin);
    const auto news = held.bench.engine->poll();
    CHECK(std::find(news.begin(), news.end(), held.call->id()) != news.end());
    CHECK(held.call->end_answer(question).state == State::kGone);
    held.call->append(tokens_of(words), kTurn);  // the same again: another place all the same
    CHECK(held.answer(question).state == State::kGone);
  }
  SUBCASE("just to it") {
    held.call->rollback(end);
    CHECK(held.answer(question).probability > 0.5);
  }
  SUBCASE("to it, and something else appended") {
    held.call->rollback(end);
    held.call->append(tokens_of("less"));
    CHECK(held.answer(question).probability > 0.5);
  }
  SUBCASE("while the batch with it is out") {
    held.bench.gate.open();
    held.bench.settle(*held.other);
    REQUIRE(wait_for_end(*held.bench.engine, *held.call, question).state == State::kGiven);
    held.bench.gate.shut();
    held.call->append(tokens_of("again"), kTurn);
    const uint64_t next = held.call->ask_end_probability();
    held.bench.gate.wait_for_thread();
    held.call->rollback(held.begin);
    CHECK(held.answer(next).state == State::kGone);
    CHECK(held.call->end_answer(question).state == State::kGone);  // another was asked since
  }
  SUBCASE("after it was computed: known is known") {
    CHECK(held.answer(question).probability > 0.5);
    held.call->rollback(held.begin);
    CHECK(held.call->end_answer(question).state == State::kGiven);
  }
  held.bench.gate.open();
  const Mark now = held.call->mark();
  CHECK(now.position >= held.begin.position);
  held.call->rollback(held.begin);
  held.call->append(tokens_of("hello"), kTurn);
  CHECK(held.bench.answer(*held.call) == expected_answer(joined(kPrefix, "hello"), 20));
}

TEST_CASE("one question at a time: a later one replaces it; at the same place it is the same") {
  Held held;
  CHECK(held.call->end_answer(0).state == State::kGone);
  CHECK(held.call->end_answer(12345).state == State::kGone);
  const std::string words = words_that(false);
  const std::string more = words_that(true, joined(kPrefix, words));
  held.call->append(tokens_of(words), kTurn);
  const uint64_t first = held.call->ask_end_probability();
  CHECK(held.call->ask_end_probability() == first);
  held.call->append(tokens_of(more));
  const uint64_t second = held.call->ask_end_probability();
  CHECK(second != first);
  CHECK(held.call->end_answer(first).state == State::kGone);
  CHECK(held.answer(second).probability > 0.5);
}

TEST_CASE("asked while an answer is being written: about what there is of it") {
  Bench bench;
  const auto call = bench.engine->open(kPrefix);
  const std::string question = question_with_long_answer(kPrefix, 30);
  call->append(tokens_of(question), kTurn);
  const auto generation = call->generate(up_to(30));
  REQUIRE(wait_until(*bench.engine, [&] { return generation->stats().generated_tokens >= 5; }));
  CHECK(wait_for_end(*bench.engine, *call, call->ask_end_probability()).state == State::kGiven);
  std::string text;
  Finish finish = Finish::kNone;
  CHECK(wait_until(*bench.engine, [&] {
    const auto taken = generation->take();
    text += taken.text;
    finish = taken.finish;
    return finish != Finish::kNone;
  }));
  CHECK(text == expected_answer(joined(kPrefix, question), 30));
}

TEST_CASE("a batch that fails is computed again and answers") {
  Held held;
  int failures = 0;
  held.bench.gate.open();
  held.bench.settle(*held.other);
  held.bench.fail_if = [&](std::span<const BatchToken> batch) { return batch.size() > 8 && failures++ < 1; };
  held.hold();
  const std::string words = words_that(true);
  held.other->append(tokens_of("company"));
  held.call->append(tokens_of(words), kTurn);
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of("more"));
  CHECK(held.answer(question).probability > 0.5);
  CHECK(failures >= 1);
}

TEST_CASE("its turn is dropped before it was computed: gone, or answered before") {
  EngineSettings settings = Bench::defaults();
  settings.call_tokens = 100;
  Held held(settings);
  held.call->append(tokens_of(std::string(40, 'a')), kTurn);
  const uint64_t question = held.call->ask_end_probability();
  held.call->append(tokens_of(std::string(40, 'b')), kTurn);
  held.call->append(tokens_of(std::string(40, 'c')), kTurn);
  CHECK(held.answer(question).state == State::kGone);
  CHECK(held.call->state().dropped > 0);
}

TEST_CASE("closed, or the engine stopped: an error, unless it was known before") {
  Held held;
  held.call->append(tokens_of("words"), kTurn);
  const uint64_t question = held.call->ask_end_probability();
  const auto given = [&] {
    try {
      return held.call->end_answer(question).state == State::kGiven;
    } catch (const EngineError&) {
      return false;
    }
  };
  bool known = false;
  SUBCASE("closed") {
    held.bench.engine->poll();
    held.call->close();
    const auto news = held.bench.engine->poll();
    CHECK(std::find(news.begin(), news.end(), held.call->id()) != news.end());
  }
  SUBCASE("stopped") {
    held.bench.gate.open();
    held.bench.engine->stop();
    known = given();  // the thread may have been quick
  }
  SUBCASE("known before") {
    CHECK(held.answer(question).state == State::kGiven);
    held.call->close();
    known = true;
  }
  if (known) {
    CHECK(given());
  } else {
    CHECK_THROWS_AS(held.call->end_answer(question), EngineError);
  }
  CHECK_FALSE((held.call->state().failure.empty()));
  CHECK_THROWS_AS(held.call->ask_end_probability(), EngineError);
}
