#include "llm/cost_model.h"

#include <algorithm>

namespace offhook::llm {

namespace {
constexpr double kWeight = 0.2;                  // of a new measurement
constexpr double kOutlier = 3.0;                 // measurements are clipped to this many times the mean
constexpr double kUnknown_ns_per_token = 5.0e6;  // before anything was measured: slow, hence small slices
}  // namespace

int CostModel::bucket_of(int32_t tokens) noexcept {
  int bucket = 0;
  for (int32_t top = 1; top < tokens && bucket < kBuckets - 1; top *= 2) ++bucket;
  return bucket;
}

void CostModel::observe(int32_t tokens, Nanoseconds elapsed_ns) noexcept {
  if (tokens < 1 || elapsed_ns < 0) return;
  Bucket& bucket = buckets_[static_cast<size_t>(bucket_of(tokens))];
  auto ns = static_cast<double>(elapsed_ns);
  if (bucket.seen == 0) {
    bucket.tokens = tokens;
    bucket.ns = ns;
  } else {
    // The first few measurements may hold page faults or a cold cache: let the mean move fast at first.
    const double weight = std::max(kWeight, 1.0 / (bucket.seen + 1));
    if (bucket.seen > 4) ns = std::min(ns, kOutlier * bucket.ns);
    bucket.tokens += weight * (tokens - bucket.tokens);
    bucket.ns += weight * (ns - bucket.ns);
  }
  bucket.seen = std::min(bucket.seen + 1, 1'000'000);
}

Nanoseconds CostModel::estimate(int32_t tokens) const noexcept {
  if (tokens < 1) return 0;
  const Bucket* below = nullptr;
  const Bucket* above = nullptr;
  for (const Bucket& bucket : buckets_) {
    if (bucket.seen == 0) continue;
    if (bucket.tokens <= tokens) {
      below = &bucket;
    } else {
      above = &bucket;
      break;
    }
  }
  if (below && above) {
    const double part = (tokens - below->tokens) / (above->tokens - below->tokens);
    return static_cast<Nanoseconds>(below->ns + part * (above->ns - below->ns));
  }
  if (below) return static_cast<Nanoseconds>(below->ns * tokens / below->tokens);
  if (above) return static_cast<Nanoseconds>(above->ns);
  return static_cast<Nanoseconds>(kUnknown_ns_per_token * tokens);
}

int32_t CostModel::tokens_within(Nanoseconds budget_ns, int32_t limit_tokens) const noexcept {
  for (int32_t tokens = limit_tokens; tokens > 0; --tokens) {
    if (estimate(tokens) <= budget_ns) return tokens;
  }
  return 0;
}

}  // namespace offhook::llm
