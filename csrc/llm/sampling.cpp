#include "llm/sampling.h"

#include <algorithm>
#include <cmath>

namespace offhook::llm {

namespace {

void require(bool good, const char* message) {
  if (!good) throw EngineError(ErrorCode::kInvalid, message);
}

}  // namespace

void SamplingOptions::validate() const {
  // Written so that NaN fails too.
  require(temperature >= 0.0F && temperature <= 10.0F, "temperature must be between 0 and 10");
  require(top_k >= 0, "top_k must not be negative");
  require(top_p > 0.0F && top_p <= 1.0F, "top_p must be above 0 and at most 1");
  require(min_p >= 0.0F && min_p < 1.0F, "min_p must be at least 0 and below 1");
  require(repeat_penalty > 0.0F && repeat_penalty <= 10.0F, "repeat_penalty must be above 0 and at most 10");
  require(frequency_penalty >= -10.0F && frequency_penalty <= 10.0F,
          "frequency_penalty must be between -10 and 10");
  require(presence_penalty >= -10.0F && presence_penalty <= 10.0F,
          "presence_penalty must be between -10 and 10");
  require(penalty_tokens >= 0 && penalty_tokens <= 4096, "penalty_tokens must be between 0 and 4096");
  require(seed != UINT32_MAX, "seed must be below 4294967295");
  if (!grammar) return;
  require(!grammar->gbnf.empty(), "the grammar is empty");
  require(grammar->gbnf.size() <= (1U << 20), "the grammar is longer than 1 MiB");
  require(grammar->gbnf.find('\0') == std::string::npos, "the grammar holds a NUL character");
  require(!grammar->root.empty(), "the grammar's root has no name");
  require(grammar->triggers.size() <= 64, "a grammar may have at most 64 triggers");
  for (const std::string& trigger : grammar->triggers) {
    require(!trigger.empty() && trigger.size() <= 256, "a grammar's trigger must have 1 to 256 bytes");
    require(trigger.find('\0') == std::string::npos, "a grammar's trigger holds a NUL character");
  }
}

Token likeliest(const float* logits, int32_t n_vocab) noexcept {
  // Called for every token that is said, over 50,000 or 150,000 logits.  Lanes that do not depend on each
  // other become vector instructions; the block with the largest logit is then searched one by one.
  constexpr int32_t kLanes = 16;
  constexpr int32_t kBlock = 32 * kLanes;
  int32_t begin = 0;
  float top = -INFINITY;
  for (int32_t block = 0; block < n_vocab; block += kBlock) {
    const int32_t end = std::min(block + kBlock, n_vocab);
    float lanes[kLanes];
    std::fill_n(lanes, kLanes, -INFINITY);
    int32_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      for (int32_t lane = 0; lane < kLanes; ++lane)
        lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];  // never NaN
    }
    for (; i < end; ++i) lanes[0] = logits[i] > lanes[0] ? logits[i] : lanes[0];
    const float largest = *std::max_element(lanes, lanes + kLanes);
    if (largest > top) {
      top = largest;
      begin = block;
    }
  }
  if (top == -INFINITY) return -1;
  while (logits[begin] != top) ++begin;
  return begin;
}

double probability_of(const float* logits, int32_t n_vocab, const Token* tokens, size_t count) noexcept {
  const Token best = likeliest(logits, n_vocab);
  if (best < 0) return 0.0;
  const float top = logits[best];
  double all = 0;
  for (int32_t i = 0; i < n_vocab; ++i) all += std::exp(logits[i] - top);
  double some = 0;
  for (size_t i = 0; i < count; ++i) {
    if (tokens[i] >= 0 && tokens[i] < n_vocab) some += std::exp(logits[tokens[i]] - top);
  }
  return std::clamp(some / all, 0.0, 1.0);
}

}  // namespace offhook::llm
