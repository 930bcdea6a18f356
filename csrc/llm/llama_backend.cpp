#include "llm/llama_backend.h"

#include <llama.h>

#include <algorithm>
#include <exception>
#include <thread>

#include "base/clock.h"
#include "llm/llama_library.h"
#include "llm/llama_sampler.h"

namespace offhook::llm {

namespace {

void require(bool good, const std::string& message) {
  if (!good) throw EngineError(ErrorCode::kInvalid, message);
}

ggml_type library_type(CacheType type) {
  switch (type) {
    case CacheType::kF16:
      return GGML_TYPE_F16;
    case CacheType::kF32:
      return GGML_TYPE_F32;
    case CacheType::kQ8_0:
      return GGML_TYPE_Q8_0;
    case CacheType::kQ4_0:
      return GGML_TYPE_Q4_0;
  }
  return GGML_TYPE_F16;
}

bool quantised(CacheType type) {
  return type == CacheType::kQ8_0 || type == CacheType::kQ4_0;
}

bool aborted(void* flag) {
  return static_cast<std::atomic<bool>*>(flag)->load(std::memory_order_relaxed);
}

/// Runs `work` on a thread of its own and waits for it; what it throws is thrown here.
///
/// OpenMP keeps a team of workers for every thread that ever computed, until that thread ends.  As soon as
/// all teams together have more threads than there are cores, the teams that do compute go to sleep at every
/// barrier instead of spinning for a moment: a batch of 45 tokens took 75 ms for 55, one of 16 took 35
/// for 21.  So whatever computes besides the engine's thread does it on a thread that ends.
template <class Work>
void on_passing_thread(const Work& work) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void check_settings(const LlamaModel& model, const BackendSettings& settings) {
  require(settings.cells >= 64 && settings.cells <= (1 << 24), "n_ctx must be between 64 and 16777216");
  const auto most = static_cast<int32_t>(llama_max_parallel_sequences()) - (settings.reproducible ? 1 : 0);
  require(settings.sequences >= 1 && settings.sequences <= most,
          "calls and prefixes together must be between 1 and " + std::to_string(most));
  require(settings.batch_tokens >= 1 && settings.batch_tokens <= 8192,
          "batch_tokens must be between 1 and 8192");
  require(settings.threads >= 1 && settings.threads <= 512 && settings.batch_threads >= 1 &&
              settings.batch_threads <= 512,
          "threads must be between 1 and 512");
  require(!quantised(settings.value_type) || settings.flash_attention != FlashAttention::kOff,
          "a quantised value cache needs flash attention");
  if (model.sliding_window() && !settings.full_window) {
    throw EngineError(
        ErrorCode::kModel,
        model.description() + ": its sliding window cannot be rolled back; allow the full-size window");
  }
}

}  // namespace

LlamaBackend::LlamaBackend(std::shared_ptr<const LlamaModel> model, const BackendSettings& settings)
    : model_(std::move(model)), settings_(settings) {
  check_settings(*model_, settings_);
  capture_library_log();
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(settings.cells);
  params.n_batch = static_cast<uint32_t>(settings.batch_tokens);
  params.n_ubatch = static_cast<uint32_t>(settings.batch_tokens);
  params.n_seq_max = static_cast<uint32_t>(settings.sequences + (settings.reproducible ? 1 : 0));
  // One row of logits per sequence and batch, and the drafts' rows; the default reserves one per token. Fewer
  // than n_seq_max end the process.
  params.n_outputs_max = std::min(params.n_seq_max + static_cast<uint32_t>(kDraftRows),
                                  std::max(params.n_batch, params.n_seq_max));
  params.n_threads = settings.threads;
  params.n_threads_batch = settings.batch_threads;
  params.flash_attn_type = static_cast<llama_flash_attn_type>(settings.flash_attention);
  params.type_k = library_type(settings.key_type);
  params.type_v = library_type(settings.value_type);
  params.kv_unified = true;  // sequences share cells; without it copying part of a sequence ends the process
  params.swa_full = true;
  params.no_perf = true;
  params.abort_callback = aborted;
  params.abort_callback_data = &abort_;
  try {
    context_ = llama_init_from_model(model_->handle(), params);
  } catch (const std::exception& error) {
    throw EngineError(ErrorCode::kModel, std::string("the model's context cannot be made: ") + error.what());
  }
  if (context_ == nullptr) {
    const auto lines = library_log();
    throw EngineError(ErrorCode::kModel, "the model's context cannot be made: " +
                                             (lines.empty() ? std::string("no reason given") : lines.back()));
  }
  cells_ = static_cast<int32_t>(llama_n_ctx(context_)) - (settings.reproducible ? 1 : 0);
  threads_ = settings.threads;
  batch_threads_ = settings.batch_threads;
  can_shift_ = llama_memory_can_shift(llama_get_memory(context_));
  lengths_.assign(static_cast<size_t>(settings.sequences), 0);
  batch_ = std::make_unique<llama_batch>(llama_batch_init(settings.batch_tokens + 1, 0, 1));

  on_passing_thread([this] { warm_up(); });
}

void LlamaBackend::warm_up() {
  const std::vector<BatchToken> one{{0, 0, 0, true}};
  std::vector<BatchToken> many;
  for (int32_t i = 0; i < std::min(max_batch_tokens(), 16); ++i) many.push_back({0, i, 0, false});
  decode(many);
  remove(0, 0);
  decode(one);
  remove(0, 0);
}

LlamaBackend::~LlamaBackend() {
  if (batch_) llama_batch_free(*batch_);
  if (context_ != nullptr) llama_free(context_);
}

void LlamaBackend::set_threads(int32_t threads, int32_t batch_threads) {
  require(threads >= 1 && threads <= 512 && batch_threads >= 1 && batch_threads <= 512,
          "threads must be between 1 and 512");
  llama_set_n_threads(context_, threads, batch_threads);
  threads_ = threads;
  batch_threads_ = batch_threads;
  cores_ = 0;
}

int32_t LlamaBackend::threads_for(int32_t tokens) const noexcept {
  return tokens > 1 || needs_companion(static_cast<size_t>(tokens)) ? batch_threads_ : threads_;
}

void LlamaBackend::use_cores(int32_t cores) {
  if (cores == cores_) return;
  llama_set_n_threads(context_, std::min(threads_, cores), std::min(batch_threads_, cores));
  cores_ = cores;
}

int32_t LlamaBackend::max_batch_tokens() const noexcept {
  return settings_.reproducible ? std::min(settings_.batch_tokens, kReproducibleBatchTokens)
                                : settings_.batch_tokens;
}

int32_t LlamaBackend::max_logit_rows() const noexcept {
  return std::min(settings_.sequences + kDraftRows, std::max(settings_.batch_tokens, settings_.sequences));
}

bool LlamaBackend::needs_companion(size_t tokens) const {
  const bool computed_otherwise = threads_ > 1 || settings_.flash_attention == FlashAttention::kOff;
  return settings_.reproducible && tokens == 1 && computed_otherwise && settings_.batch_tokens > 1;
}

bool LlamaBackend::well_formed(std::span<const BatchToken> batch) {
  if (batch.empty() || batch.size() > static_cast<size_t>(max_batch_tokens())) return false;
  std::vector<int32_t> next = lengths_;
  int32_t outputs = 0;
  for (const BatchToken& entry : batch) {
    if (entry.token < 0 || entry.token >= model_->size()) return false;
    if (!is_sequence(entry.sequence)) return false;
    if (entry.position != next[static_cast<size_t>(entry.sequence)]++) return false;
    outputs += entry.logits ? 1 : 0;
  }
  return outputs <= max_logit_rows();
}

DecodeStatus LlamaBackend::decode(std::span<const BatchToken> batch) {
  asked_.clear();
  if (!well_formed(batch)) return DecodeStatus::kInvalid;
  capture_library_log();
  llama_batch& out = *batch_;
  out.n_tokens = static_cast<int32_t>(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    out.token[i] = batch[i].token;
    out.pos[i] = batch[i].position;
    out.n_seq_id[i] = 1;
    out.seq_id[i][0] = batch[i].sequence;
    out.logits[i] = batch[i].logits ? 1 : 0;
  }
  const bool companion = needs_companion(batch.size());
  if (companion) {
    out.n_tokens = 2;
    out.token[1] = 0;
    out.pos[1] = 0;
    out.n_seq_id[1] = 1;
    out.seq_id[1][0] = companion_sequence();
    out.logits[1] = 0;
  }
  int32_t result = 0;
  try {
    result = llama_decode(context_, out);
    if (result == 0) llama_synchronize(context_);
  } catch (const std::exception&) {
    result = -3;
  }
  if (companion) llama_memory_seq_rm(llama_get_memory(context_), companion_sequence(), -1, -1);
  switch (result) {
    case 0:
      break;
    case 1:
      return DecodeStatus::kNoRoom;
    case -1:
      return DecodeStatus::kInvalid;
    default:
      // Parts may be in the cache: ask it, so that what is removed next is what is there.
      for (SequenceId s = 0; s < settings_.sequences; ++s) {
        length(s) = llama_memory_seq_pos_max(llama_get_memory(context_), s) + 1;
      }
      return result == 2 ? DecodeStatus::kAborted : DecodeStatus::kFailed;
  }
  asked_.assign(batch.size(), 0);
  for (size_t i = 0; i < batch.size(); ++i) {
    ++length(batch[i].sequence);
    asked_[i] = batch[i].logits ? 1 : 0;
  }
  return DecodeStatus::kOk;
}

const float* LlamaBackend::logits(int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= asked_.size() || asked_[static_cast<size_t>(index)] == 0)
    return nullptr;
  return llama_get_logits_ith(context_, index);
}

bool LlamaBackend::remove(SequenceId sequence, int32_t from) {
  if (!is_sequence(sequence) || from < 0) return false;
  if (!llama_memory_seq_rm(llama_get_memory(context_), sequence, from, -1)) return false;
  length(sequence) = std::min(length(sequence), from);
  return true;
}

bool LlamaBackend::cut(SequenceId sequence, int32_t from, int32_t to) {
  if (!can_shift_ || !is_sequence(sequence) || from < 0 || from >= to || to > length(sequence)) return false;
  llama_memory_t memory = llama_get_memory(context_);
  if (!llama_memory_seq_rm(memory, sequence, from, to)) return false;
  if (to < length(sequence)) llama_memory_seq_add(memory, sequence, to, -1, from - to);
  length(sequence) -= to - from;
  return true;
}

void LlamaBackend::share(SequenceId source, SequenceId target, int32_t count) {
  if (!is_sequence(source) || !is_sequence(target) || source == target) return;
  if (count < 1 || count > length(source) || length(target) != 0) return;
  llama_memory_seq_cp(llama_get_memory(context_), source, target, 0, count);
  length(target) = count;
}

std::vector<uint8_t> LlamaBackend::save(SequenceId sequence) {
  if (!is_sequence(sequence) || length(sequence) == 0) return {};
  try {
    std::vector<uint8_t> copy(llama_state_seq_get_size(context_, sequence));
    if (llama_state_seq_get_data(context_, copy.data(), copy.size(), sequence) != copy.size()) return {};
    return copy;
  } catch (const std::exception&) {  // no memory for it
    return {};
  }
}

bool LlamaBackend::restore(SequenceId sequence, std::span<const uint8_t> copy) {
  if (!is_sequence(sequence) || length(sequence) != 0 || copy.empty()) return false;
  size_t read = 0;
  try {
    read = llama_state_seq_set_data(context_, copy.data(), copy.size(), sequence);
  } catch (const std::exception&) {
  }
  llama_memory_t memory = llama_get_memory(context_);
  if (read != copy.size()) {
    llama_memory_seq_rm(memory, sequence, -1, -1);
    return false;
  }
  length(sequence) = llama_memory_seq_pos_max(memory, sequence) + 1;
  return true;
}

std::unique_ptr<Sampler> LlamaBackend::make_sampler(const SamplingOptions& options) const {
  return make_llama_sampler(model_, options);
}

// --- threads -----------------------------------------------------------------------------------

namespace {

std::vector<ThreadTiming> measure_threads(const std::shared_ptr<const LlamaModel>& model, int32_t max_threads,
                                          int32_t rounds, bool reproducible) {
  BackendSettings settings;
  settings.cells = 512;
  settings.sequences = 1;
  settings.batch_tokens = kTuningTokens;
  settings.reproducible = reproducible;
  LlamaBackend backend(model, settings);
  const int32_t tokens = backend.max_batch_tokens();
  std::vector<int32_t> counts;
  for (int32_t threads = 1; threads < max_threads; threads = threads < 4 ? threads + 1 : threads * 3 / 2) {
    counts.push_back(threads);
  }
  counts.push_back(max_threads);

  const MonotonicClock clock;
  std::vector<std::vector<Nanoseconds>> decode_ns(counts.size());
  std::vector<std::vector<Nanoseconds>> prefill_ns(counts.size());
  for (int32_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < counts.size(); ++i) {
      backend.set_threads(counts[i], counts[i]);
      backend.remove(0, 0);
      std::vector<BatchToken> prompt;
      for (int32_t p = 0; p < tokens; ++p) prompt.push_back({(p * 7919) % model->size(), p, 0, false});
      const Nanoseconds begin = clock.now_ns();
      if (backend.decode(prompt) != DecodeStatus::kOk)
        throw EngineError(ErrorCode::kModel, "the model failed while tuning");
      prefill_ns[i].push_back(clock.now_ns() - begin);
      for (int32_t step = 0; step < 4; ++step) {
        const std::vector<BatchToken> one{{step, tokens + step, 0, true}};
        const Nanoseconds start = clock.now_ns();
        if (backend.decode(one) != DecodeStatus::kOk)
          throw EngineError(ErrorCode::kModel, "the model failed while tuning");
        if (step > 0) decode_ns[i].push_back(clock.now_ns() - start);  // the first wakes the threads
      }
    }
  }
  // The best, not the middle: whatever else runs on the machine can only make a round slower.
  const auto best = [](const std::vector<Nanoseconds>& values) {
    return *std::min_element(values.begin(), values.end());
  };
  std::vector<ThreadTiming> timings;
  for (size_t i = 0; i < counts.size(); ++i) {
    timings.push_back({counts[i], best(decode_ns[i]), best(prefill_ns[i])});
  }
  return timings;
}

}  // namespace

std::vector<ThreadTiming> tune_threads(const std::shared_ptr<const LlamaModel>& model, int32_t max_threads,
                                       int32_t rounds, bool reproducible) {
  require(max_threads >= 1 && max_threads <= 512 && rounds >= 1 && rounds <= 100,
          "tuning takes 1 to 512 threads and 1 to 100 rounds");
  std::vector<ThreadTiming> timings;
  on_passing_thread([&] { timings = measure_threads(model, max_threads, rounds, reproducible); });
  return timings;
}

}  // namespace offhook::llm
