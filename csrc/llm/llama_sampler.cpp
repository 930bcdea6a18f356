#include "llm/llama_sampler.h"

#include <llama.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "llm/llama_library.h"

namespace offhook::llm {

namespace {

struct FreeSampler {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using Handle = std::unique_ptr<llama_sampler, FreeSampler>;

/// A trigger is a literal string; the library takes regular expressions.  Only literals are let through:
/// std::regex recurses once per repeated character, and a long answer would overflow the stack.
std::string literal_pattern(std::string_view text) {
  std::string pattern = "(";
  for (const char c : text) {
    if (std::string_view(".^$|()*+?[]{}\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + ")";
}

class LlamaSampler final : public Sampler {
 public:
  LlamaSampler(std::shared_ptr<const LlamaModel> model, const SamplingOptions& options)
      : model_(std::move(model)) {
    options.validate();
    greedy_ = options.temperature <= 0.0F;
    const bool penalties =
        options.penalty_tokens > 0 && (options.repeat_penalty != 1.0F || options.frequency_penalty != 0.0F ||
                                       options.presence_penalty != 0.0F);
    if (penalties || !greedy_) {
      chain_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
      if (!chain_) throw EngineError(ErrorCode::kModel, "no memory for a sampler");
      if (penalties) {
        add(llama_sampler_init_penalties(model_->size(), options.penalty_tokens, options.repeat_penalty,
                                         options.frequency_penalty, options.presence_penalty));
      }
      if (greedy_) {
        add(llama_sampler_init_greedy());
      } else {
        if (options.top_k > 0) add(llama_sampler_init_top_k(options.top_k));
        if (options.top_p < 1.0F) add(llama_sampler_init_top_p(options.top_p, 1));
        if (options.min_p > 0.0F) add(llama_sampler_init_min_p(options.min_p, 1));
        add(llama_sampler_init_temp(options.temperature));
        add(llama_sampler_init_dist(options.seed));
      }
    }
    if (options.grammar) grammar_ = make_grammar(*model_, *options.grammar);
  }

  Token sample(const float* logits, int32_t n_vocab) override {
    if (n_vocab != model_->size())
      throw EngineError(ErrorCode::kModel, "the model's vocabulary changed its size");
    Token token = choose(logits, n_vocab, false);
    if (grammar_) {
      // Nearly always the token that would be said anyway fits the grammar: look at that one first, at the
      // whole vocabulary (milliseconds) only when it does not.
      if (!fits_grammar(token)) token = choose(logits, n_vocab, true);
      // Accepting an end of message that the grammar does not allow ends the process; it fits here, and
      // nothing comes after it.
      if (!model_->ends_message(token)) llama_sampler_accept(grammar_.get(), token);
    }
    if (chain_) llama_sampler_accept(chain_.get(), token);
    return token;
  }

 private:
  void add(llama_sampler* sampler) {
    if (sampler == nullptr) throw EngineError(ErrorCode::kModel, "no memory for a sampler");
    llama_sampler_chain_add(chain_.get(), sampler);
  }

  static Handle make_grammar(const LlamaModel& model, const GrammarOptions& options) {
    const llama_vocab* vocab = llama_model_get_vocab(model.handle());
    std::vector<std::string> patterns;
    for (const std::string& trigger : options.triggers) patterns.push_back(literal_pattern(trigger));
    std::vector<const char*> pointers;
    for (const std::string& pattern : patterns) pointers.push_back(pattern.c_str());
    Handle grammar;
    try {
      grammar.reset(pointers.empty()
                        ? llama_sampler_init_grammar(vocab, options.gbnf.c_str(), options.root.c_str())
                        : llama_sampler_init_grammar_lazy_patterns(vocab, options.gbnf.c_str(),
                                                                   options.root.c_str(), pointers.data(),
                                                                   pointers.size(), nullptr, 0));
    } catch (const std::exception& error) {
      throw EngineError(ErrorCode::kInvalid, std::string("the grammar cannot be used: ") + error.what());
    }
    if (!grammar) throw EngineError(ErrorCode::kInvalid, "the grammar cannot be parsed");
    return grammar;
  }

  bool fits_grammar(Token token) {
    llama_token_data one{token, 1.0F, 0.0F};
    llama_token_data_array only{&one, 1, -1, false};
    llama_sampler_apply(grammar_.get(), &only);
    return one.logit != -INFINITY;
  }

  Token choose(const float* logits, int32_t n_vocab, bool by_grammar) {
    const Token best = likeliest(logits, n_vocab);
    if (best < 0) throw EngineError(ErrorCode::kModel, "the model's probabilities are not numbers");
    if (!chain_ && !by_grammar) return best;
    candidates_.resize(static_cast<size_t>(n_vocab));
    for (Token token = 0; token < n_vocab; ++token) {
      // NaN would poison every later comparison; such a token cannot be said.
      const float logit = logits[token];
      candidates_[static_cast<size_t>(token)] = {token, std::isnan(logit) ? -INFINITY : logit, 0.0F};
    }
    llama_token_data_array all{candidates_.data(), candidates_.size(), -1, false};
    if (by_grammar) {
      llama_sampler_apply(grammar_.get(), &all);
      bool any = false;
      for (const llama_token_data& candidate : candidates_) any = any || candidate.logit != -INFINITY;
      if (!any) throw EngineError(ErrorCode::kModel, "the grammar allows no token of the model here");
    }
    if (!chain_) {
      const llama_token_data* top = candidates_.data();
      for (const llama_token_data& candidate : candidates_) {
        if (candidate.logit > top->logit) top = &candidate;
      }
      return top->id;
    }
    llama_sampler_apply(chain_.get(), &all);
    if (all.selected < 0 || all.selected >= static_cast<int64_t>(all.size)) {
      throw EngineError(ErrorCode::kModel, "the sampler chose no token");
    }
    const Token token = all.data[all.selected].id;
    if (token < 0 || token >= n_vocab) throw EngineError(ErrorCode::kModel, "the sampler chose no token");
    return token;
  }

  const std::shared_ptr<const LlamaModel> model_;
  bool greedy_ = true;
  Handle chain_;    // null: the likeliest token, nothing else
  Handle grammar_;  // null: none
  std::vector<llama_token_data> candidates_;
};

}  // namespace

std::unique_ptr<Sampler> make_llama_sampler(std::shared_ptr<const LlamaModel> model,
                                            const SamplingOptions& options) {
  return std::make_unique<LlamaSampler>(std::move(model), options);
}

}  // namespace offhook::llm
