#include <doctest/doctest.h>

#include <optional>
#include <random>

#include "llm/transcript.h"

using namespace offhook::llm;

namespace {

const std::vector<int32_t> kTurn{0};  // a turn begins with the first token

Transcript::Tokens prefix_of(int32_t n) {
  auto tokens = std::make_shared<std::vector<Token>>();
  for (int32_t i = 0; i < n; ++i) tokens->push_back(-i - 1);
  return tokens;
}

std::vector<Token> numbers(int32_t from, int32_t count) {
  std::vector<Token> tokens;
  for (int32_t i = 0; i < count; ++i) tokens.push_back(from + i);
  return tokens;
}

}  // namespace

TEST_CASE("prefix and dialogue are one row of tokens") {
  Transcript t(prefix_of(3));
  CHECK(t.size() == 3);
  t.append(numbers(10, 2), kTurn);
  CHECK(t.size() == 5);
  CHECK(t.at(2) == -3);
  CHECK(t.at(3) == 10);
  CHECK(t.at(4) == 11);
}

TEST_CASE("a mark lives until an earlier one is used") {
  Transcript t(prefix_of(2));
  t.append(numbers(0, 3), kTurn);
  const Mark a = t.mark();
  t.append(numbers(3, 3));
  const Mark b = t.mark();
  CHECK(t.valid(a));
  CHECK(t.valid(b));
  t.truncate(t.index_of(b));
  CHECK(t.valid(b));  // nothing was undone
  t.truncate(t.index_of(a));
  CHECK(t.valid(a));
  CHECK_FALSE(t.valid(b));
  t.append(numbers(9, 3));
  CHECK_FALSE(t.valid(b));  // as many tokens again, but others
  CHECK(t.valid(t.mark()));
  CHECK(t.valid(t.start()));
  t.truncate(t.prefix_size());
  CHECK_FALSE(t.valid(a));
  CHECK(t.valid(t.start()));
  CHECK_FALSE(t.valid({1, 0}));          // inside the prefix
  CHECK_FALSE(t.valid({1000, 0}));       // behind the end
  CHECK_FALSE(t.valid({2 + 1, 1'000}));  // of another conversation
}

TEST_CASE("the oldest turns go, never the prefix, never the turn that is going on") {
  Transcript t(prefix_of(10));
  for (int32_t turn = 0; turn < 4; ++turn) {
    t.append(numbers(turn * 100, 5), kTurn);
    t.append(numbers(turn * 100 + 50, 5));
  }
  REQUIRE(t.size() == 50);
  const Mark last = t.mark();
  CHECK(t.plan_drop(60, 10) == 0);   // fits
  CHECK(t.plan_drop(55, 10) == 20);  // 5 needed, and a quarter of 45 on top
  CHECK(t.plan_drop(50, 10) == 20);
  CHECK(t.plan_drop(50, 30) == 30);         // the most that may go
  CHECK(t.plan_drop(50, 31) == 0);          // even that would not do
  CHECK(t.plan_drop(50, 40, kTurn) == 40);  // a new turn begins: the last one may go as well
  CHECK(t.plan_drop(50, 41, kTurn) == 0);
  t.drop(20);
  CHECK(t.size() == 30);
  CHECK(t.dropped() == 20);
  CHECK(t.at(9) == -10);
  CHECK(t.at(10) == 200);
  CHECK(t.valid(last));
  CHECK(t.index_of(last) == 30);
  CHECK_FALSE(t.valid({25, 0}));  // in a turn that is gone
  CHECK(t.valid(t.start()));
  t.truncate(t.index_of(t.start()));
  CHECK(t.size() == 10);
  CHECK(t.plan_drop(20, 15) == 0);
}

TEST_CASE("random histories: valid() agrees with a plain record of what happened") {
  std::mt19937 random(42);
  const auto pick = [&](int32_t low, int32_t high) {
    return std::uniform_int_distribution<int32_t>(low, high)(random);
  };
  for (int round = 0; round < 300; ++round) {
    Transcript t(prefix_of(pick(0, 5)));
    struct Taken {
      Mark mark;
      std::vector<Token> before;  // the dialogue when it was taken
      bool alive = true;
    };
    std::vector<Taken> marks;
    std::vector<Token> dialogue;
    int32_t next = 0;
    for (int step = 0; step < 60; ++step) {
      const int32_t what = pick(0, 3);
      if (what <= 1) {
        const auto tokens = numbers(next, pick(1, 4));
        next += static_cast<int32_t>(tokens.size());
        t.append(tokens, pick(0, 1) == 1 ? std::span<const int32_t>(kTurn) : std::span<const int32_t>());
        dialogue.insert(dialogue.end(), tokens.begin(), tokens.end());
      } else if (what == 2) {
        marks.push_back({t.mark(), dialogue});
      } else if (!marks.empty()) {
        const Taken& chosen = marks[static_cast<size_t>(pick(0, static_cast<int32_t>(marks.size()) - 1))];
        if (!t.valid(chosen.mark)) continue;
        t.truncate(t.index_of(chosen.mark));
        const size_t length = chosen.before.size();
        dialogue.resize(length);
        for (Taken& taken : marks) taken.alive = taken.alive && taken.before.size() <= length;
      }
      for (const Taken& taken : marks) {
        // A mark at the very start is always good: there is nothing before it to lose.
        const bool expected = taken.alive || taken.before.empty();
        REQUIRE(t.valid(taken.mark) == expected);
        if (expected)
          REQUIRE(t.index_of(taken.mark) == t.prefix_size() + static_cast<int32_t>(taken.before.size()));
      }
      REQUIRE(t.size() == t.prefix_size() + static_cast<int32_t>(dialogue.size()));
      for (size_t i = 0; i < dialogue.size(); ++i)
        REQUIRE(t.at(t.prefix_size() + static_cast<int32_t>(i)) == dialogue[i]);
    }
  }
}
