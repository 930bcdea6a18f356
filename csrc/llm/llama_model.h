// A GGUF model: its weights and its words.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/backend.h"

struct llama_model;
struct llama_vocab;

namespace offhook::llm {

struct ModelSettings {
  int32_t n_gpu_layers = 0;  ///< layers kept on the GPU; -1: all
  bool use_mmap = true;
};

/// Loaded once, immutable, shared by all threads.
class LlamaModel final : public Vocabulary {
 public:
  /// Reads the file; blocks for as long as the disk takes.
  /// Throws EngineError(kModel) with one line for a file that is missing, no GGUF, damaged, or of a kind
  /// that cannot forget a part of what it read: recurrent and hybrid models, diffusion models, encoders.
  static std::shared_ptr<LlamaModel> load(const std::string& path, const ModelSettings& settings);
  ~LlamaModel() override;
  LlamaModel(const LlamaModel&) = delete;
  LlamaModel& operator=(const LlamaModel&) = delete;

  int32_t size() const noexcept override;
  bool ends_message(Token token) const noexcept override;
  std::string_view piece(Token token) const noexcept override;
  std::vector<Token> tokenize(std::string_view text, bool markup) const override;
  std::span<const Token> sentence_ends() const noexcept override { return sentence_ends_; }

  /// Text of tokens, control tokens left out.
  std::string detokenize(std::span<const Token> tokens) const;
  /// Token that a text begins with, where the model wants one.
  std::optional<Token> begin_token() const noexcept;
  bool is_control(Token token) const noexcept;
  /// Text of a token as markup writes it ("<|im_end|>"); empty for tokens out of range.
  std::string markup_piece(Token token) const;

  std::string description() const;
  std::optional<std::string> metadata(const std::string& key) const;
  std::optional<std::string> chat_template() const;
  int32_t trained_context_tokens() const noexcept;
  uint64_t size_bytes() const noexcept;
  /// Weights, counted; not bytes.
  uint64_t parameters() const noexcept;
  /// Attention looks back over a window only; the cache is then kept at full size.
  bool sliding_window() const noexcept;

  llama_model* handle() const noexcept { return model_; }

 private:
  LlamaModel(llama_model* model);
  void refuse_if_unfit() const;
  void index_vocabulary();

  llama_model* model_;
  const llama_vocab* vocab_;
  std::vector<std::string> pieces_;  // by token; empty for control tokens
  std::vector<bool> ends_;           // by token
  std::vector<Token> sentence_ends_;
};

/// Writes `source` again with 4-bit weights (Q4_0), for which the CPU has its fastest kernels.
/// Blocks for seconds.  Throws EngineError(kModel); then `target` does not exist.
void requantise(const std::string& source, const std::string& target, int32_t threads);

}  // namespace offhook::llm
