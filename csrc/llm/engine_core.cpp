#include "llm/engine_core.h"

#include <algorithm>
#include <cassert>

namespace offhook::llm {

namespace {

// A conversation that cannot hold this much after its prefix is of no use.
constexpr int32_t kRoomToTalk = 64;

void check(bool good, const char* message) {
  if (!good) throw EngineError(ErrorCode::kInvalid, message);
}

}  // namespace

EngineCore::EngineCore(std::shared_ptr<Backend> backend, const EngineSettings& settings)
    : settings_(settings), backend_(std::move(backend)), batch_limit_(0) {
  check(backend_ != nullptr, "the engine needs a backend");
  check(settings.calls >= 1 && settings.prefixes >= 1, "an engine needs room for one call and one prefix");
  check(settings.calls + settings.prefixes <= backend_->max_sequences(),
        "calls and prefixes together exceed the sequences of the model's context");
  check(settings.call_tokens >= kRoomToTalk && settings.call_tokens <= backend_->cells() - settings.calls,
        "a call's share must be at least 64 tokens and fit the model's context");
  check(settings.queue_pieces >= 1, "queue_pieces must be at least 1");
  check(settings.scheduler.max_batch_tokens >= 1 && settings.scheduler.min_slice_tokens >= 1,
        "batches and slices must be at least 1 token");
  check(settings.scheduler.max_batch_tokens <= backend_->max_batch_tokens(),
        "max_batch_tokens exceeds the batch of the model's context");
  batch_limit_ = settings.scheduler.max_batch_tokens;
  // Popped from the back: the lowest numbers first.
  for (int32_t i = settings.calls; i-- > 0;) free_call_sequences_.push_back(i);
  for (int32_t i = settings.prefixes; i-- > 0;) free_prefix_sequences_.push_back(settings.calls + i);
  if (settings.decode_ns > 0) costs_.observe(1, settings.decode_ns);
  if (settings.prefill_token_ns > 0 && settings.prefill_tokens > 0) {
    costs_.observe(settings.prefill_tokens, settings.prefill_token_ns * settings.prefill_tokens);
  }
  if (settings.cores) place_ = std::make_unique<CorePlace>(settings.cores);
  last_progress_ns_ = now();
}

EngineCore::~EngineCore() {
  stop();
}

void EngineCore::start() {
  thread_ = std::thread([this] { run(); });
}

void EngineCore::stop() {
  const std::lock_guard one_at_a_time(stop_mutex_);
  {
    const Lock lock(mutex_);
    stopping_ = true;
    if (backend_) backend_->request_abort();
    wanted_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::shared_ptr<Backend> backend;
  {
    const Lock lock(mutex_);
    end_all("the language model was closed");
    backend = std::move(backend_);
    stopped_ = true;
  }
}

void EngineCore::end_all(const std::string& why) {
  for (const auto& call : calls_) {
    if (!call->closed) fail(*call, why);
  }
  for (const auto& prefix : prefixes_) {
    for (const auto& preload : prefix->waiting) {
      preload->failure = why;
      announce(preload->id);
    }
    prefix->waiting.clear();
  }
  calls_.clear();
  prefixes_.clear();
  targets_.clear();  // the last batch's, which would keep their calls and prefixes alive
}

void EngineCore::wake() {
  work_wanted_ = true;
  wanted_.notify_one();
  if (waits_for_core_) place_->urge(rank());
}

void EngineCore::announce(uint64_t id) {
  news_.insert(id);
  if (!news_announced_) {
    news_announced_ = true;
    event_.notify();
  }
}

void EngineCore::require_usable(const CallState& call) const {
  if (call.closed) throw EngineError(ErrorCode::kModel, "the conversation is closed");
  if (!call.failure.empty()) throw EngineError(ErrorCode::kModel, call.failure);
  if (stopping_) throw EngineError(ErrorCode::kModel, "the language model was closed");
}

void EngineCore::check_tokens(std::span<const Token> tokens) const {
  const int32_t n_vocab = backend_->vocabulary().size();
  for (const Token token : tokens) {
    if (token < 0 || token >= n_vocab) {
      throw EngineError(ErrorCode::kInvalid,
                        "token " + std::to_string(token) + " is not in the model's vocabulary");
    }
  }
}

void EngineCore::check_turns(std::span<const int32_t> turns, size_t tokens) {
  int64_t last = -1;
  for (const int32_t offset : turns) {
    check(offset > last && static_cast<size_t>(offset) < tokens,
          "a turn must begin at one of the tokens, in order");
    last = offset;
  }
}

// --- the cache's cells -------------------------------------------------------------------------

int32_t EngineCore::usable_cells() const {
  // Computing the last token of a prefix again, for its logits, takes one cell that is not shared.
  return backend_->cells() - settings_.calls;
}

int32_t EngineCore::cells_wanted() const {
  int32_t cells = 0;
  for (const auto& call : calls_) {
    if (!call->closed) cells += call->size() - (call->prefix ? call->transcript.prefix_size() : 0);
  }
  for (const auto& prefix : prefixes_) {
    if (!prefix->idle()) cells += prefix->size();
  }
  return cells;
}

int32_t EngineCore::cells_used() const {
  int32_t cells = 0;
  for (const auto& call : calls_) cells += call->cache.resident - call->cache.shared;
  for (const auto& prefix : prefixes_) cells += prefix->cache.resident;
  return cells;
}

// --- prefixes ----------------------------------------------------------------------------------

std::shared_ptr<PrefixState> EngineCore::find_prefix(std::span<const Token> tokens) const {
  for (const auto& prefix : prefixes_) {
    if (std::equal(tokens.begin(), tokens.end(), prefix->tokens->begin(), prefix->tokens->end()))
      return prefix;
  }
  return nullptr;
}

std::shared_ptr<PrefixState> EngineCore::find_or_add_prefix(Transcript::Tokens tokens) {
  const auto busy =
      std::count_if(prefixes_.begin(), prefixes_.end(), [](const auto& p) { return !p->idle(); });
  auto found = find_prefix(*tokens);
  // Never more prefixes in use than there are sequences for them; what finds none computes its own.
  if ((!found || found->idle()) && busy >= settings_.prefixes) return nullptr;
  if (found) {
    ++stats_.prefix_hits;
    found->last_used_ns = now();
    return found;
  }
  ++stats_.prefix_misses;
  auto prefix = std::make_shared<PrefixState>();
  prefix->id = next_id();
  prefix->tokens = std::move(tokens);
  prefix->last_used_ns = prefix->since_ns = prefix->arrived_ns = now();
  prefixes_.push_back(prefix);
  return prefix;
}

void EngineCore::require_room_for_prefix(std::span<const Token> tokens) const {
  if (stopping_) throw EngineError(ErrorCode::kModel, "the language model was closed");
  check_tokens(tokens);
  const auto size = static_cast<int64_t>(tokens.size());
  if (size + kRoomToTalk > settings_.call_tokens) {
    throw EngineError(ErrorCode::kModel, "the prompt has " + std::to_string(size) +
                                             " tokens and leaves a call of " +
                                             std::to_string(settings_.call_tokens) +
                                             " no room to talk; shorten it or raise llm.n_ctx_call");
  }
  const auto known = find_prefix(tokens);
  const int64_t more = kRoomToTalk + (known && !known->idle() ? 0 : size);
  if (cells_wanted() + more > usable_cells()) {
    throw EngineError(ErrorCode::kBusy, "the model's context is full of other calls; raise llm.n_ctx");
  }
}

// --- calls -------------------------------------------------------------------------------------

void EngineCore::append(CallState& call, std::span<const Token> tokens, std::span<const int32_t> turns) {
  if (tokens.empty()) return;
  if (tokens.size() > static_cast<size_t>(settings_.call_tokens)) {
    throw EngineError(ErrorCode::kModel, "the text has " + std::to_string(tokens.size()) +
                                             " tokens; a call may hold " +
                                             std::to_string(settings_.call_tokens));
  }
  const auto more = static_cast<int32_t>(tokens.size());
  int32_t freed = 0;
  if (call.size() + more > settings_.call_tokens) {
    freed = call.transcript.plan_drop(settings_.call_tokens, more, turns);
    if (freed == 0) {
      throw EngineError(ErrorCode::kModel, "the conversation is full: " + std::to_string(call.size()) +
                                               " and " + std::to_string(more) + " more tokens exceed its " +
                                               std::to_string(settings_.call_tokens));
    }
  }
  if (cells_wanted() + more - freed > usable_cells()) {
    throw EngineError(ErrorCode::kModel, "the model's context is full of other calls; raise llm.n_ctx");
  }
  if (call.cache.computed + call.cache.in_flight >= call.size()) call.arrived_ns = call.since_ns = now();
  call.transcript.append(tokens, turns);
  call.said_last = false;
  if (!call.logits_asked()) call.logits_at = CallState::kNone;
  wake();
}

void EngineCore::truncate(CallState& call, int32_t index) {
  if (index == call.size()) return;
  call.transcript.truncate(index);
  call.said_last = false;
  call.cache.cut_to(index);
  check_question(call);
  if (!call.logits_asked()) call.logits_at = CallState::kNone;
  wake();
}

void EngineCore::check_question(CallState& call) {
  if (!call.question.waits() || call.transcript.valid(call.question.mark)) return;
  call.question.answer.state = EndAnswer::State::kGone;
  announce(call.id);
}

void EngineCore::answer_question(CallState& call, uint64_t number, std::optional<double> probability) {
  if (call.question.number != number || !call.question.waits()) return;
  call.question.answer = {probability ? EndAnswer::State::kGiven : EndAnswer::State::kGone,
                          probability.value_or(0)};
  announce(call.id);
}

void EngineCore::finish(CallState& call, Finish reason, std::string error) {
  const auto generation = std::exchange(call.generation, nullptr);
  assert(generation && generation->running());
  if (reason != Finish::kStop) {
    std::string tail = generation->stops.push(generation->joiner.finish());
    tail += generation->stops.finish();
    if (!tail.empty()) generation->pieces.push_back(std::move(tail));
  }
  generation->finish = reason;
  generation->error = std::move(error);
  generation->end = call.transcript.mark();
  call.computed_since = 0;
  announce(generation->id);
  wake();
}

void EngineCore::cancel_generation(CallState& call) {
  if (call.generation) finish(call, Finish::kCancelled);
}

void EngineCore::fail(CallState& call, const std::string& why) {
  if (call.failure.empty()) call.failure = why;
  if (call.generation) finish(call, Finish::kFailed, why);
  announce(call.id);
}

void EngineCore::release(CallState& call) {
  if (call.closed) return;
  cancel_generation(call);
  call.closed = true;
  if (call.prefix) {
    --call.prefix->users;
    call.prefix->last_used_ns = now();
  }
  call.last_answer.reset();
  announce(call.id);  // whoever waits for something of it learns that it is closed
  wake();
}

LiveObjects live_objects() noexcept {
  return {EngineCore::live_count(), Counted<CallState>::live(), Counted<GenerationState>::live(),
          Counted<PrefixState>::live()};
}

}  // namespace offhook::llm
