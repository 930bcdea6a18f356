// Drafts: guesses of how an answer begins.  They may make it cheaper; they never change it.
//
// Above 400 lines because its histories and drafts are written out.
#include <doctest/doctest.h>

#include <random>

#include "fake_engine.h"
#include "llm/draft.h"

using namespace offhook::llm;

namespace {

const std::vector<Token> kPrefix = tokens_of("prefix");
const std::vector<int32_t> kTurn{0};

/// What the model says after `history`: at most `count` tokens, without its end of message.
std::vector<Token> said_after(std::vector<Token> history, int32_t count) {
  std::vector<Token> said;
  while (static_cast<int32_t>(said.size()) < count) {
    const Token token = fake_next(history);
    if (token == kFakeEnd) break;
    said.push_back(token);
    history.push_back(token);
  }
  return said;
}

GenerationOptions with_draft(int32_t max_tokens, std::vector<Token> draft) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.draft = std::move(draft);
  return options;
}

struct Asked {
  explicit Asked(int32_t tokens, const EngineSettings& settings = Bench::defaults(),
                 const FakeBackend::Shape& shape = {})
      : bench(settings, shape), question(question_with_long_answer(kPrefix, tokens)) {
    history = joined(kPrefix, question);
    right = said_after(history, tokens);
    call = bench.engine->open(kPrefix);
    bench.settle(*call);
    begin = call->mark();
    ask();
  }
  void ask() {
    bench.gate.shut();  // question and generate() meet in one batch, however slow this thread is
    call->append(tokens_of(question), kTurn);
  }
  Answer answer(const GenerationOptions& options) {
    generation = call->generate(options);
    bench.gate.open();
    return read_all(*bench.engine, *generation);
  }
  /// What the next turn says shows whether the cache is what the transcript says.
  void check_next_turn(const std::string& heard) {
    call->append(tokens_of("and then?"));
    CHECK(bench.answer(*call) == expected_answer(joined(joined(history, heard), "and then?"), 20));
  }

  Bench bench;
  std::string question;
  std::vector<Token> history;
  std::vector<Token> right;
  std::unique_ptr<Conversation> call;
  std::unique_ptr<Generation> generation;
  Mark begin;
};

}  // namespace

TEST_CASE("a right draft: the same text in fewer batches") {
  Asked asked(40);
  const int64_t batches = asked.bench.backend->batches;
  const Answer answer = asked.answer(with_draft(40, asked.right));
  CHECK(answer.text == expected_answer(asked.history, 40));
  CHECK(answer.finish == Finish::kLength);
  const GenerationStats stats = asked.generation->stats();
  CHECK(stats.generated_tokens == 40);
  CHECK(stats.accepted_tokens == stats.drafted_tokens);
  CHECK(stats.accepted_tokens >= 36);
  CHECK(stats.decodes <= 4);
  CHECK(asked.bench.backend->batches - batches <= 5);
  CHECK(stats.prompt_tokens_computed + stats.prompt_tokens_reused ==
        static_cast<int32_t>(asked.history.size()));
  CHECK(asked.bench.engine->stats().accepted_tokens == static_cast<uint64_t>(stats.accepted_tokens));
  asked.check_next_turn(answer.text);
}

TEST_CASE("a wrong draft: the same text") {
  Asked asked(20);
  SUBCASE("from the first token on") {
    asked.right.front() = (asked.right.front() + 1) % 127;
  }
  SUBCASE("from the middle on") {
    asked.right[7] = (asked.right[7] + 1) % 127;
  }
  SUBCASE("at the last one") {
    asked.right.back() = (asked.right.back() + 1) % 127;
  }
  const Answer answer = asked.answer(with_draft(20, asked.right));
  CHECK(answer.text == expected_answer(asked.history, 20));
  CHECK(asked.generation->stats().generated_tokens == 20);
  CHECK(asked.generation->stats().accepted_tokens < 20);
  asked.check_next_turn(answer.text);
}

TEST_CASE("a draft of any length, right up to any place, changes nothing") {
  std::mt19937 random(5);
  Asked asked(30);
  for (int round = 0; round < 60; ++round) {
    const auto length = std::uniform_int_distribution<size_t>(0, 30)(random);
    const auto right = std::uniform_int_distribution<size_t>(0, 30)(random);
    std::vector<Token> draft(asked.right.begin(), asked.right.begin() + static_cast<std::ptrdiff_t>(length));
    if (right < length) draft[right] = (draft[right] + 1) % 127;
    const bool cut = std::uniform_int_distribution<int>(0, 1)(random) == 0;
    if (cut) draft.resize(std::min(length, right + 1));
    const int32_t most = std::uniform_int_distribution<int32_t>(1, 30)(random);
    CHECK(asked.answer(with_draft(most, draft)).text == expected_answer(asked.history, most));
    const GenerationStats stats = asked.generation->stats();
    CHECK(stats.generated_tokens == most);
    CHECK(stats.accepted_tokens < most);
    CHECK(stats.accepted_tokens <= static_cast<int32_t>(cut ? std::min(length, right) : length));
    CHECK(stats.accepted_tokens <= stats.drafted_tokens);
    asked.call->rollback(asked.begin);
    asked.ask();
  }
  asked.bench.gate.open();
}

TEST_CASE("a draft behind the end of the message is not said") {
  Bench bench;
  // An answer that the model ends by itself.
  std::string question;
  std::vector<Token> right;
  for (int i = 0; right.size() < 3 || right.size() > 12; ++i) {
    question = "short question " + std::to_string(i);
    right = said_after(joined(kPrefix, question), 40);
  }
  const std::string text = expected_answer(joined(kPrefix, question), 40);
  for (const Token next : {Token{'x'}, kFakeEnd}) {
    std::vector<Token> draft = right;
    draft.insert(draft.end(), 6, next);
    const auto call = bench.engine->open(kPrefix);
    call->append(tokens_of(question), kTurn);
    const auto generation = call->generate(with_draft(40, draft));
    const Answer answer = read_all(*bench.engine, *generation);
    CHECK(answer.text == text);
    CHECK(answer.finish == Finish::kEnd);
    CHECK(generation->stats().generated_tokens == static_cast<int32_t>(right.size()));
    call->append(tokens_of("more"));
    CHECK(bench.answer(*call) ==
          expected_answer(joined(joined(joined(kPrefix, question), text), "more"), 20));
  }
}

TEST_CASE("a stop string inside the draft ends the answer there") {
  Asked asked(20);
  const std::string whole = expected_answer(asked.history, 20);
  const size_t at = whole.find_first_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 4);
  REQUIRE(at != std::string::npos);
  REQUIRE(at < 14);
  GenerationOptions options = with_draft(20, asked.right);
  options.stop = {whole.substr(at, 1)};
  const std::string text = whole.substr(0, whole.find(options.stop.front()));
  const Answer answer = asked.answer(options);
  CHECK(answer.text == text);
  CHECK(answer.finish == Finish::kStop);
  CHECK(asked.call->state().tokens == static_cast<int32_t>(asked.history.size() + tokens_of(text).size()));
  asked.check_next_turn(text);
}

TEST_CASE("what was heard of a drafted answer can be kept") {
  Asked asked(20);
  const Answer answer = asked.answer(with_draft(20, asked.right));
  std::string heard = answer.text.substr(0, 9);
  if ((static_cast<unsigned char>(answer.text[9]) & 0xC0) == 0x80) heard.pop_back();
  asked.call->keep_answer(heard.size());
  asked.check_next_turn(heard);
}

TEST_CASE("whatever happens while a drafted batch is out") {
  Asked asked(30);
  const auto drafted_batch_is_out = [&] {
    asked.generation = asked.call->generate(with_draft(30, asked.right));
    asked.bench.gate.wait_for_thread();
  };
  drafted_batch_is_out();
  std::vector<Token> history = asked.history;
  SUBCASE("cancelled: nothing of it was said") {
    asked.generation->cancel();
  }
  SUBCASE("rolled back") {
    asked.call->rollback(asked.begin);
    history = kPrefix;
  }
  SUBCASE("written on") {
    asked.call->append(tokens_of("no, wait"));
    history = joined(history, "no, wait");
  }
  SUBCASE("another generation") {
    const auto second = asked.call->generate(with_draft(12, {}));
    asked.bench.gate.open();
    CHECK(read_all(*asked.bench.engine, *second).text == expected_answer(history, 12));
    CHECK(asked.generation->take().finish == Finish::kCancelled);
    return;
  }
  SUBCASE("closed") {
    asked.call->close();
    asked.bench.gate.open();
    const auto other = asked.bench.engine->open(kPrefix);
    other->append(tokens_of("hello"));
    CHECK(asked.bench.answer(*other) == expected_answer(joined(kPrefix, "hello"), 20));
    const EngineStats stats = asked.bench.engine->stats();
    CHECK(stats.calls == 1);
    return;
  }
  asked.bench.gate.open();
  CHECK(asked.generation->take().finish == Finish::kCancelled);
  CHECK(asked.generation->stats().generated_tokens == 0);
  asked.call->append(tokens_of("go on"));
  CHECK(asked.bench.answer(*asked.call) == expected_answer(joined(history, "go on"), 20));
}

TEST_CASE("when the logits are there before the answer is asked for, the draft begins with the next token") {
  Asked asked(20);
  asked.bench.gate.open();
  asked.bench.settle(*asked.call);
  const int64_t batches = asked.bench.backend->batches;
  SUBCASE("right") {
    CHECK(asked.answer(with_draft(20, asked.right)).text == expected_answer(asked.history, 20));
    CHECK(asked.generation->stats().accepted_tokens >= 16);
    CHECK(asked.bench.backend->batches - batches <= 3);
  }
  SUBCASE("nothing in common: the first was computed by nobody") {
    for (Token& token : asked.right) token = 'x';
    CHECK(asked.answer(with_draft(20, asked.right)).text == expected_answer(asked.history, 20));
    CHECK(asked.generation->stats().drafted_tokens == DraftSteps::kFound);
  }
}

constexpr int32_t kLong = 60;  // an answer that a share of 70 tokens cannot hold

TEST_CASE("a draft takes only room that is there") {
  EngineSettings settings = Bench::defaults();
  FakeBackend::Shape shape;
  int32_t most_rows = 1024;
  SUBCASE("in the batch") {
    settings.scheduler.max_batch_tokens = 20;
  }
  SUBCASE("in the rows of logits") {
    shape.logit_rows = most_rows = 13;
    settings.calls = 8;
  }
  SUBCASE("in the cache") {
    settings.calls = 2;
    settings.call_tokens = 70;
    shape.cells = 72;
  }
  SUBCASE("in the call's share") {
    settings.call_tokens = 70;
  }
  SUBCASE("in the queue of pieces") {
    settings.queue_pieces = 3;
  }
  Asked asked(kLong, settings, shape);
  int32_t rows = 0;
  asked.bench.on_batch = [&](std::span<const BatchToken> batch) {
    int32_t wanted = 0;
    for (const BatchToken& entry : batch) wanted += entry.logits;
    rows = std::max(rows, wanted);
    CHECK(batch.size() <= static_cast<size_t>(settings.scheduler.max_batch_tokens));
  };
  const Answer answer = asked.answer(with_draft(kLong, asked.right));
  CHECK(answer.text == expected_answer(asked.history, asked.generation->stats().generated_tokens));
  CHECK((answer.finish == Finish::kLength || answer.finish == Finish::kContext));
  CHECK(answer.finish == (static_cast<int32_t>(asked.history.size()) + kLong > settings.call_tokens
                              ? Finish::kContext
                              : Finish::kLength));
  CHECK(rows <= most_rows);
  CHECK(asked.generation->stats().accepted_tokens > 0);
}

TEST_CASE("a batch that fails takes its drafts with it, and nothing else") {
  Asked asked(30);
  int failures = 0;
  asked.bench.fail_if = [&](std::span<const BatchToken> batch) {
    int32_t rows = 0;
    for (const BatchToken& entry : batch) rows += entry.logits;
    return rows > 1 && ++failures > 0;
  };
  std::unique_ptr<Conversation> other = asked.bench.engine->open(kPrefix);
  std::unique_ptr<Generation> others;
  SUBCASE("alone") {
    other->close();
  }
  SUBCASE("with another call") {
    other->append(tokens_of("other"), kTurn);
    others = other->generate(with_draft(10, {}));
  }
  const Answer answer = asked.answer(with_draft(30, asked.right));
  CHECK(answer.text == expected_answer(asked.history, 30));
  if (others) {
    CHECK(read_all(*asked.bench.engine, *others).text == expected_answer(joined(kPrefix, "other"), 10));
  }
  CHECK(failures >= 1);
}

TEST_CASE("a cache that cannot give back a tail gets no second draft") {
  FakeBackend::Shape shape;
  shape.can_remove_part = false;
  Asked asked(20, Bench::defaults(), shape);
  asked.right[3] = (asked.right[3] + 1) % 127;
  CHECK(asked.answer(with_draft(20, asked.right)).text == expected_answer(asked.history, 20));
  CHECK(asked.generation->stats().drafted_tokens > 0);
  const auto again = asked.bench.engine->open(kPrefix);
  again->append(tokens_of("again"));
  const auto generation = again->generate(with_draft(20, said_after(joined(kPrefix, "again"), 20)));
  CHECK(read_all(*asked.bench.engine, *generation).text == expected_answer(joined(kPrefix, "again"), 20));
  CHECK(generation->stats().drafted_tokens == 0);
}

TEST_CASE("eight calls with drafts, some right and some wrong, in the same batches") {
  Bench bench;
  std::vector<std::unique_ptr<Conversation>> calls;
  std::vector<std::unique_ptr<Generation>> answers;
  std::vector<std::string> questions;
  bench.gate.shut();
  for (int i = 0; i < 8; ++i) {
    questions.push_back(question_with_long_answer(kPrefix, 20) + std::string(static_cast<size_t>(i), '!'));
    calls.push_back(bench.engine->open(kPrefix));
    calls.back()->append(tokens_of(questions.back()), kTurn);
    std::vector<Token> draft = said_after(joined(kPrefix, questions.back()), 20);
    if (i % 2 == 1 && !draft.empty()) draft[draft.size() / 2] = 'x';
    answers.push_back(calls.back()->generate(with_draft(20, draft)));
  }
  bench.gate.open();
  for (size_t i = 0; i < 8; ++i) {
    CHECK(read_all(*bench.engine, *answers[i]).text == expected_answer(joined(kPrefix, questions[i]), 20));
  }
  CHECK(bench.engine->stats().accepted_tokens > 0);
}

TEST_CASE("a draft is checked like all tokens, and kept short") {
  Bench bench;
  const auto call = bench.engine->open(kPrefix);
  call->append(tokens_of("hello"));
  CHECK_THROWS_AS(call->generate(with_draft(20, {kFakeVocabulary})), EngineError);
  CHECK_THROWS_AS(call->generate(with_draft(20, {-1})), EngineError);
  const auto generation = call->generate(with_draft(20, std::vector<Token>(100'000, 'x')));
  CHECK(read_all(*bench.engine, *generation).text == expected_answer(joined(kPrefix, "hello"), 20));
  CHECK(generation->stats().drafted_tokens <= DraftSteps::kFirst + Draft::kMostMisses * DraftSteps::kFound);
}

// --- answers that leave the draft and find back to it ------------------------------------------------

TEST_CASE("an answer that leaves the draft and comes back costs fewer batches all the same") {
  Asked asked(40);
  std::vector<Token> draft = asked.right;
  SUBCASE("one token in other words") {
    draft[6] = (draft[6] + 1) % 127;
  }
  SUBCASE("a word that the draft has not") {
    draft.erase(draft.begin() + 6, draft.begin() + 9);
  }
  SUBCASE("a word that only the draft has") {
    const std::vector<Token> word{'w', 'o', 'r', 'd'};
    draft.insert(draft.begin() + 6, word.begin(), word.end());
  }
  SUBCASE("three in other words, with another length") {
    draft[6] = draft[7] = draft[8] = 'x';
    draft.insert(draft.begin() + 6, 'y');
  }
  const int64_t batches = asked.bench.backend->batches;
  const Answer answer = asked.answer(with_draft(40, draft));
  CHECK(answer.text == expected_answer(asked.history, 40));
  const GenerationStats stats = asked.generation->stats();
  CHECK(stats.generated_tokens == 40);
  CHECK(stats.accepted_tokens >= 25);
  CHECK(stats.accepted_tokens < stats.drafted_tokens);
  CHECK(stats.decodes <= 15);
  CHECK(asked.bench.backend->batches - batches <= 16);
  CHECK(asked.bench.engine->stats().accepted_tokens == static_cast<uint64_t>(stats.accepted_tokens));
  CHECK(asked.bench.engine->stats().drafted_tokens == static_cast<uint64_t>(stats.drafted_tokens));
  asked.check_next_turn(answer.text);
}

TEST_CASE("any changes to a draft, at any places, change no text and keep the cache right") {
  std::mt19937 random(11);
  const auto pick = [&](size_t low, size_t high) {
    return std::uniform_int_distribution<size_t>(low, high)(random);
  };
  Asked asked(30);
  int64_t accepted = 0;
  for (int round = 0; round < 150; ++round) {
    std::vector<Token> draft = asked.right;
    for (size_t changes = pick(0, 4); changes > 0; --changes) {
      const auto at = static_cast<std::ptrdiff_t>(pick(0, draft.size() - 1));
      switch (pick(0, 3)) {
        case 0:
          draft[static_cast<size_t>(at)] = 'x';
          break;
        case 1:
          draft.erase(draft.begin() + at);
          break;
        case 2:
          draft.insert(draft.begin() + at, pick(1, 3), 'x');
          break;
        default:  // said twice
          draft.insert(draft.begin() + at, draft.begin() + at / 2, draft.begin() + at);
      }
      if (draft.empty()) draft.push_back('x');
    }
    const auto most = static_cast<int32_t>(pick(1, 30));
    CHECK(asked.answer(with_draft(most, draft)).text == expected_answer(asked.history, most));
    const GenerationStats stats = asked.generation->stats();
    CHECK(stats.generated_tokens == most);
    CHECK(stats.accepted_tokens <= stats.drafted_tokens);
    CHECK(stats.accepted_tokens < most);
    accepted += stats.accepted_tokens;
    asked.call->rollback(asked.begin);
    asked.ask();
  }
  asked.bench.gate.open();
  CHECK(accepted > 150 * 4);
}
