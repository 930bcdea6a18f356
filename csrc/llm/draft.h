// A guess of how an answer goes, followed token by token as the answer is said.
//
// Pure bookkeeping, no model.  The answer is in step with the draft for as long as each token said is the
// next one of the draft.  When it falls out of step ("We're open" where the draft says "We are open"), the
// rest of the draft is kept, and the answer may find back to it:
//
//   - The last two tokens said stand in the draft, one behind the other: it goes on behind them.
//   - The last token said stands there and is a long one (" Monday", not " the" or ","): the same.  A short
//     one stands everywhere, so it needs the second one's agreement; waiting for that costs one batch,
//     guessing wrong costs most of one.
//   - Directly after the first token that differs, and neither holds: that token may be said instead of the
//     draft's ("'re" for " are"), which then goes on behind the one it replaces.
//
// It looks at most kAhead tokens ahead of where the answer left the draft.  Several places: the nearest.
// A place whose next token is not said either was none: the answer is still where it left the draft.  After
// kMostMisses of them the draft is given up.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "llm/token.h"

namespace offhook::llm {

/// How much of a draft goes into one batch, at most: little at first, as a wrong guess is computed for
/// nothing, less where the answer has just found back to it, and twice as much each time all of it was right.
/// Chosen by replaying the receptionist's answers to bench/answers.toml under an assumed cost of batches
/// (8.7 ms for one row, about 0.9 ms for each further one in fours), not by timing each choice.
struct DraftSteps {
  static constexpr int32_t kFirst = 15;  // a first clause is about 12
  static constexpr int32_t kFound = 3;   // four rows with the pending token: the CPU kernels' grain
  static constexpr int32_t kMost = 47;
};

class Draft {
 public:
  static constexpr size_t kAhead = 8;
  /// Tokens that end a message may stand behind the draft, to fill up a batch's last rows.
  static constexpr size_t kFill = 3;
  static constexpr int32_t kMostMisses = 3;

  Draft() = default;
  /// `telling`: by token, whether it is enough to find a place by (see is_telling()).  `end`: what ends a
  /// message.
  Draft(std::vector<Token> tokens, std::vector<bool> telling, std::optional<Token> end = std::nullopt);

  /// What is said next if the draft is right, as much as the next batch should hold, and up to `more` (at
  /// most kFill) tokens behind that; empty for no guess.
  std::span<const Token> next(int32_t more = 0) const;
  /// A token of the answer.
  void follow(Token said);
  /// All that was guessed in a batch was said.
  void grow();
  /// No more guesses.
  void drop();

 private:
  std::optional<size_t> find(Token said, bool just_left) const;

  std::vector<Token> tokens_;     // with what fills up behind them
  std::vector<bool> telling_;     // without
  std::optional<size_t> at_ = 0;  // where the next token is expected; none while out of step
  size_t left_at_ = 0;            // the first token that was not said, when out of step
  bool proven_ = true;            // the token before at_ was expected there, or nothing was said yet
  std::optional<Token> before_;   // the token said last
  int32_t step_ = DraftSteps::kFirst;
  int32_t misses_ = 0;
};

/// Whether a token's text is long enough to be rare: four bytes or more, spaces not counted.
bool is_telling(std::string_view piece);

}  // namespace offhook::llm
