// How the next token is chosen.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/engine_error.h"
#include "llm/token.h"

namespace offhook::llm {

/// A grammar in GBNF that the generated text has to follow.
struct GrammarOptions {
  std::string gbnf;
  std::string root = "root";
  /// Empty: from the first token on.  Otherwise speech is free until one of these strings appears in the
  /// generated text; the grammar then begins at its first character, the string itself included.
  std::vector<std::string> triggers;
};

struct SamplingOptions {
  float temperature = 0.0F;        ///< 0 .. 10; 0 takes the likeliest token
  int32_t top_k = 40;              ///< 0 switches it off
  float top_p = 1.0F;              ///< (0, 1]; 1 switches it off
  float min_p = 0.0F;              ///< [0, 1); 0 switches it off
  float repeat_penalty = 1.0F;     ///< (0, 10]; 1 switches it off
  float frequency_penalty = 0.0F;  ///< [-10, 10]
  float presence_penalty = 0.0F;   ///< [-10, 10]
  int32_t penalty_tokens = 64;     ///< how many generated tokens the penalties look back, 0 .. 4096
  uint32_t seed = 0;               ///< the same seed gives the same text
  std::optional<GrammarOptions> grammar;

  /// Throws EngineError(kInvalid) naming the option that is out of range.
  void validate() const;
};

/// Chooses the tokens of one generation, one after the other.
class Sampler {
 public:
  virtual ~Sampler() = default;
  /// Takes `n_vocab` logits (not changed) and gives the next token, which counts as said.
  /// Throws EngineError(kModel) when no token can follow (a grammar at its dead end, logits not finite).
  virtual Token sample(const float* logits, int32_t n_vocab) = 0;
};

/// Index of the largest logit, the first of equals; -1 when none is a number above -infinity.
Token likeliest(const float* logits, int32_t n_vocab) noexcept;

/// Probability (softmax) of all `tokens` together.  Tokens out of range count nothing.
double probability_of(const float* logits, int32_t n_vocab, const Token* tokens, size_t count) noexcept;

}  // namespace offhook::llm
