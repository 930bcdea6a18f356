// The tokens of one conversation: a prefix that never changes, then the dialogue.
//
// Pure bookkeeping, no model: what was appended, where turns begin, which marks still hold, and which
// oldest turns go when the dialogue outgrows its share.
//
// An index counts tokens that are in the transcript now; a position counts every token there ever was
// before it, dropped ones included, so that marks survive the dropping of old turns.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "llm/token.h"

namespace offhook::llm {

/// A place in a conversation that can be returned to.
struct Mark {
  int64_t position = 0;
  uint64_t serial = 0;  ///< how many rollbacks there had been
  bool operator==(const Mark&) const = default;
};

class Transcript {
 public:
  using Tokens = std::shared_ptr<const std::vector<Token>>;

  /// `prefix` is shared, never null, may be empty.
  explicit Transcript(Tokens prefix);

  int32_t size() const { return prefix_size() + static_cast<int32_t>(dialogue_.size()); }
  int32_t prefix_size() const { return static_cast<int32_t>(prefix_->size()); }
  /// Tokens of old turns that were dropped, in all.
  int64_t dropped() const { return dropped_; }
  /// Token at index 0 <= i < size().
  Token at(int32_t i) const;

  /// Adds tokens at the end.  `turns`: offsets among them at which a turn of the caller's begins, ascending.
  void append(std::span<const Token> tokens, std::span<const int32_t> turns = {});

  Mark mark() const;
  /// The end of the prefix.  Always valid.
  Mark start() const { return {prefix_size(), 0}; }
  /// False when a rollback has undone the mark, or the turn around it was dropped, or it is not ours.
  bool valid(const Mark& mark) const;
  /// Index of a valid mark.
  int32_t index_of(const Mark& mark) const;
  /// Forgets everything from `index` on (prefix_size() <= index <= size()); marks behind it die.
  void truncate(int32_t index);

  /// How many of the oldest tokens behind the prefix to drop so that `more` tokens, in which `turns` begin,
  /// fit into `limit`.  Whole turns only, never the last one, which is going on or about to begin.
  /// 0 when they fit already, or when nothing that may be dropped makes them fit.
  /// Drops a quarter of the dialogue's room more than needed where it can, so that it does not come
  /// back every turn.
  int32_t plan_drop(int32_t limit, int32_t more, std::span<const int32_t> turns = {}) const;
  /// Removes `count` tokens right behind the prefix; count comes from plan_drop().
  void drop(int32_t count);

 private:
  struct Rollback {
    uint64_t serial;
    int64_t position;
  };

  Tokens prefix_;
  std::vector<Token> dialogue_;
  std::vector<int32_t> turns_;  // indexes where a turn begins, ascending
  int64_t dropped_ = 0;
  uint64_t serial_ = 0;
  // Positions ascend: an entry is removed when a later rollback went at least as far back, so the first
  // entry after a mark's serial holds the furthest rollback since the mark was taken.
  std::vector<Rollback> rollbacks_;
};

}  // namespace offhook::llm
