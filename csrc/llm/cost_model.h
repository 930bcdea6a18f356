// What a batch of n tokens costs on this machine with this model, learnt while running.
//
// One running mean per power of two of the batch size (1, 2, 3-4, 5-8 ... tokens), and straight lines in
// between.  On a CPU the cost grows with every token; on a GPU it is nearly flat.  The scheduler needs to
// know which.

#pragma once

#include <array>
#include <cstdint>

#include "llm/token.h"

namespace offhook::llm {

/// Not synchronised: the engine thread owns it.  Never allocates, blocks or throws.
class CostModel {
 public:
  /// A batch of `tokens` (>= 1) took `elapsed_ns`.  One wild measurement moves the mean little.
  void observe(int32_t tokens, Nanoseconds elapsed_ns) noexcept;

  /// Expected duration of a batch of `tokens`; 0 for 0.  Larger than every size seen: at the price per
  /// token of the largest seen (too dear rather than too cheap).  Smaller than every size seen: the
  /// duration of the smallest seen.
  Nanoseconds estimate(int32_t tokens) const noexcept;

  /// The largest batch, at most `limit_tokens`, that is expected to finish within `budget_ns`; may be 0.
  int32_t tokens_within(Nanoseconds budget_ns, int32_t limit_tokens) const noexcept;

 private:
  static constexpr int kBuckets = 16;
  struct Bucket {
    double tokens = 0;  // means of what was seen
    double ns = 0;
    int32_t seen = 0;
  };
  static int bucket_of(int32_t tokens) noexcept;

  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace offhook::llm
