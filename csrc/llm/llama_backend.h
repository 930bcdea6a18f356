// The engine's model, run by libllama: one context, one cache for all sequences.

#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "llm/llama_model.h"

struct llama_context;
struct llama_batch;

namespace offhook::llm {

enum class CacheType : uint8_t { kF16, kF32, kQ8_0, kQ4_0 };
enum class FlashAttention : int8_t { kAuto = -1, kOff = 0, kOn = 1 };

struct BackendSettings {
  int32_t cells = 8192;        ///< tokens of the cache; rounded up to a multiple of 256
  int32_t sequences = 24;      ///< calls and prefixes
  int32_t batch_tokens = 512;  ///< most tokens of one batch
  int32_t threads = 1;         ///< compute a single token
  int32_t batch_threads = 1;   ///< compute batches
  FlashAttention flash_attention = FlashAttention::kAuto;
  CacheType key_type = CacheType::kF16;
  CacheType value_type = CacheType::kF16;  ///< a quantised one needs flash attention
  /// Models whose attention has a sliding window keep it at full size, so that they can be rolled back.
  /// False: refuse such models instead of paying for it.
  bool full_window = true;
  /// The same text for the same history, whatever else is in the batch, as far as the library allows.
  ///
  /// On a CPU the library computes a single row in another order than several (without flash attention
  /// always, with it when more than one thread works on a long cache), and its flash attention takes another
  /// path from 64 rows on.  So batches stay below 64 tokens, and a lone token gets a companion that is thrown
  /// away.  The logits then do not depend on the slicing or the company, bit for bit (measured: Q4_0, Q4_1,
  /// Q8_0 weights): a draft changes no text, and a call alone says the same again.  What remains: attention
  /// sums in the order of the cells, so the place in the cache can turn a near tie.  With flash attention
  /// that happens only to a sequence that fills holes of others (16 calls at once, 48 texts of 48 tokens: all
  /// are as each alone), without it to any (14 of the 48).  K-quants, F16 and GPUs have matrix kernels that
  /// depend on the number of rows.  Long prompts are read about a third more slowly, lone tokens a tenth.
  bool reproducible = false;
};

constexpr int32_t kReproducibleBatchTokens = 63;

/// Rows of logits in one batch for drafts, beyond one per sequence.  A row is n_vocab floats.
constexpr int32_t kDraftRows = 48;

/// Every argument is checked here before the library sees it: its assertions end the process.
class LlamaBackend final : public Backend {
 public:
  /// Allocates the cache and computes a few tokens once, so that the first call does not pay for page
  /// faults.  Throws EngineError(kInvalid) for settings out of range, kModel when there is no memory.
  LlamaBackend(std::shared_ptr<const LlamaModel> model, const BackendSettings& settings);
  ~LlamaBackend() override;

  const Vocabulary& vocabulary() const noexcept override { return *model_; }
  int32_t cells() const noexcept override { return cells_; }
  int32_t max_batch_tokens() const noexcept override;
  int32_t max_sequences() const noexcept override { return settings_.sequences; }
  int32_t max_logit_rows() const noexcept override;
  bool can_shift() const noexcept override { return can_shift_; }

  DecodeStatus decode(std::span<const BatchToken> batch) override;
  const float* logits(int32_t index) override;
  bool remove(SequenceId sequence, int32_t from) override;
  bool cut(SequenceId sequence, int32_t from, int32_t to) override;
  void share(SequenceId source, SequenceId target, int32_t count) override;
  std::vector<uint8_t> save(SequenceId sequence) override;
  bool restore(SequenceId sequence, std::span<const uint8_t> copy) override;
  int32_t threads_for(int32_t tokens) const noexcept override;
  void use_cores(int32_t cores) override;
  void request_abort() noexcept override { abort_ = true; }
  std::unique_ptr<Sampler> make_sampler(const SamplingOptions& options) const override;

  void set_threads(int32_t threads, int32_t batch_threads);

 private:
  void warm_up();
  bool well_formed(std::span<const BatchToken> batch);
  /// A lone token that needs company to be computed reproducibly.
  bool needs_companion(size_t tokens) const;
  SequenceId companion_sequence() const { return settings_.sequences; }
  int32_t& length(SequenceId sequence) { return lengths_[static_cast<size_t>(sequence)]; }
  bool is_sequence(SequenceId sequence) const { return sequence >= 0 && sequence < settings_.sequences; }

  const std::shared_ptr<const LlamaModel> model_;
  const BackendSettings settings_;
  llama_context* context_ = nullptr;
  std::unique_ptr<llama_batch> batch_;
  int32_t cells_ = 0;
  int32_t threads_ = 1;
  int32_t batch_threads_ = 1;
  int32_t cores_ = 0;  // as used last; 0: as many as there are threads
  bool can_shift_ = false;
  std::vector<int32_t> lengths_;  // by sequence: positions in the cache, as far as we asked for
  std::vector<int8_t> asked_;     // by token of the last good batch: logits were asked for
  std::atomic<bool> abort_{false};
};

/// What one thread count costs.
struct ThreadTiming {
  int32_t threads = 0;
  Nanoseconds decode_ns = 0;   ///< one token
  Nanoseconds prefill_ns = 0;  ///< a batch of kTuningTokens
};

constexpr int32_t kTuningTokens = 63;

/// Measures 1 .. max_threads threads, taking turns so that other load falls on all alike; the best of each.
/// Blocks for `rounds` times the sum of what it measures.  Throws as LlamaBackend does.
std::vector<ThreadTiming> tune_threads(const std::shared_ptr<const LlamaModel>& model, int32_t max_threads,
                                       int32_t rounds, bool reproducible);

}  // namespace offhook::llm
