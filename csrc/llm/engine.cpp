// What user threads do: each method takes the lock, changes what is wanted, and returns.

#include "llm/engine.h"

#include <algorithm>

#include "llm/engine_core.h"

namespace offhook::llm {

namespace {

void validate(const GenerationOptions& options) {
  const auto require = [](bool good, const char* message) {
    if (!good) throw EngineError(ErrorCode::kInvalid, message);
  };
  require(options.max_tokens >= 1 && options.max_tokens <= 65'536, "max_tokens must be between 1 and 65536");
  require(options.stop.size() <= 16, "at most 16 stop strings are allowed");
  for (const std::string& stop : options.stop) {
    require(!stop.empty() && stop.size() <= 256, "a stop string must have 1 to 256 bytes");
  }
  options.sampling.validate();
}

Draft draft_of(std::vector<Token> tokens, const Vocabulary& vocabulary) {
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(kDraftTokens)));
  std::vector<bool> telling;
  for (const Token token : tokens) telling.push_back(is_telling(vocabulary.piece(token)));
  const auto ends = vocabulary.sentence_ends();
  const auto end =
      std::find_if(ends.begin(), ends.end(), [&](Token t) { return vocabulary.ends_message(t); });
  return {std::move(tokens), std::move(telling), end == ends.end() ? std::nullopt : std::optional(*end)};
}

}  // namespace

// --- Generation --------------------------------------------------------------------------------

Generation::Generation(std::shared_ptr<EngineCore> core, std::shared_ptr<GenerationState> state)
    : core_(std::move(core)), state_(std::move(state)) {}

uint64_t Generation::id() const noexcept {
  return state_->id;
}

Generation::Taken Generation::take() {
  const EngineCore::Lock lock(core_->mutex_);
  Taken taken;
  for (const std::string& piece : state_->pieces) taken.text += piece;
  if (!state_->pieces.empty()) {
    state_->pieces.clear();
    if (state_->running()) core_->wake();  // it may have paused because the queue was full
  }
  taken.finish = state_->finish;
  taken.error = state_->error;
  return taken;
}

void Generation::cancel() {
  const EngineCore::Lock lock(core_->mutex_);
  const auto call = state_->call.lock();
  if (call && call->generation == state_) core_->cancel_generation(*call);
}

GenerationStats Generation::stats() const {
  const EngineCore::Lock lock(core_->mutex_);
  return state_->stats;
}

// --- Conversation ------------------------------------------------------------------------------

Conversation::Conversation(std::shared_ptr<EngineCore> core, std::shared_ptr<CallState> state)
    : core_(std::move(core)), state_(std::move(state)) {}

Conversation::~Conversation() {
  close();
}

void Conversation::close() {
  const EngineCore::Lock lock(core_->mutex_);
  core_->release(*state_);
}

uint64_t Conversation::id() const noexcept {
  return state_->id;
}

int32_t Conversation::tokens_limit() const noexcept {
  return core_->settings_.call_tokens;
}

void Conversation::append(std::span<const Token> tokens, std::span<const int32_t> turns) {
  EngineCore::check_turns(turns, tokens.size());
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_usable(*state_);
  core_->check_tokens(tokens);
  core_->cancel_generation(*state_);
  core_->append(*state_, tokens, turns);
}

Mark Conversation::start() const {
  const EngineCore::Lock lock(core_->mutex_);
  return state_->transcript.start();
}

Mark Conversation::mark() {
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_usable(*state_);
  core_->cancel_generation(*state_);
  return state_->transcript.mark();
}

void Conversation::rollback(const Mark& mark) {
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_usable(*state_);
  core_->cancel_generation(*state_);
  if (!state_->transcript.valid(mark)) {
    throw EngineError(ErrorCode::kInvalid,
                      "the mark is gone: an earlier rollback or a dropped turn has undone it");
  }
  core_->truncate(*state_, state_->transcript.index_of(mark));
}

std::unique_ptr<Generation> Conversation::generate(const GenerationOptions& options) {
  validate(options);
  std::shared_ptr<Backend> backend;
  {
    const EngineCore::Lock lock(core_->mutex_);
    core_->require_usable(*state_);
    backend = core_->backend_;
  }
  // A grammar may take milliseconds to parse: not under the lock.
  auto sampler = backend->make_sampler(options.sampling);
  auto generation = std::make_shared<GenerationState>(options, std::move(sampler),
                                                      draft_of(options.draft, backend->vocabulary()));
  generation->call = state_;
  const EngineCore::Lock lock(core_->mutex_);
  CallState& call = *state_;
  core_->require_usable(call);
  core_->check_tokens(options.draft);
  if (call.size() == 0)
    throw EngineError(ErrorCode::kInvalid, "there is nothing to answer: the conversation is empty");
  core_->cancel_generation(call);
  generation->id = core_->next_id();
  generation->begin = call.transcript.mark();
  generation->stats.submitted_ns = core_->now();
  if (call.cache.computed + call.cache.in_flight >= call.size())
    call.arrived_ns = call.since_ns = core_->now();
  call.generation = call.last_answer = generation;
  const int32_t share = core_->settings_.call_tokens;
  if (call.size() >= share && call.transcript.plan_drop(share, 1) == 0) core_->finish(call, Finish::kContext);
  core_->wake();
  return std::unique_ptr<Generation>(new Generation(core_, std::move(generation)));
}

void Conversation::keep_answer(size_t bytes) {
  const EngineCore::Lock lock(core_->mutex_);
  CallState& call = *state_;
  core_->require_usable(call);
  core_->cancel_generation(call);
  const auto answer = call.last_answer;
  if (!answer || !call.transcript.valid(answer->begin) || !call.transcript.valid(answer->end)) {
    throw EngineError(ErrorCode::kInvalid, "there is no answer to keep, or it was rolled back");
  }
  std::string& said = answer->said;
  bytes = std::min(bytes, said.size());
  while (bytes > 0 && bytes < said.size() && (static_cast<unsigned char>(said[bytes]) & 0xC0) == 0x80)
    --bytes;
  const auto whole = std::upper_bound(answer->ends.begin(), answer->ends.end(), bytes) - answer->ends.begin();
  const size_t kept = whole > 0 ? answer->ends[static_cast<size_t>(whole) - 1] : 0;
  const std::string rest = said.substr(kept, bytes - kept);
  core_->truncate(call, call.transcript.index_of(answer->begin) + static_cast<int32_t>(whole));
  answer->ends.resize(static_cast<size_t>(whole));
  said.resize(bytes);
  if (!rest.empty()) {
    // Part of one token, written anew.
    call.transcript.append(core_->backend_->vocabulary().tokenize(rest, false));
    core_->wake();
  }
  answer->end = call.transcript.mark();
}

uint64_t Conversation::ask_end_probability() {
  const EngineCore::Lock lock(core_->mutex_);
  CallState& call = *state_;
  core_->require_usable(call);
  if (call.size() == 0) throw EngineError(ErrorCode::kInvalid, "an empty conversation has no end to judge");
  EndQuestion& question = call.question;
  if (question.waits() && call.asked_at() == call.size()) return question.number;
  if (question.waits()) core_->announce(call.id);  // whoever waits learns that it is gone
  question = {core_->next_id(), call.transcript.mark(), {}};
  if (call.cache.computed + call.cache.in_flight >= call.size())
    call.arrived_ns = call.since_ns = core_->now();
  core_->wake();
  return question.number;
}

EndAnswer Conversation::end_answer(uint64_t number) const {
  const EngineCore::Lock lock(core_->mutex_);
  const EndQuestion& question = state_->question;
  if (number == 0 || number != question.number) return {EndAnswer::State::kGone, 0};
  if (question.waits()) core_->require_usable(*state_);
  return question.answer;
}

void Conversation::ask_computed() {
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_usable(*state_);
  state_->computed_wanted = true;
  core_->wake();
}

Conversation::State Conversation::state() const {
  const EngineCore::Lock lock(core_->mutex_);
  const CallState& call = *state_;
  return {call.size(), std::min(call.cache.computed, call.size()), call.transcript.dropped(),
          call.closed ? "the conversation is closed" : call.failure};
}

void Conversation::set_committed(bool committed, Nanoseconds since_ns) {
  const EngineCore::Lock lock(core_->mutex_);
  state_->committed = committed;
  state_->waits_since_ns = since_ns;
  core_->wake();
}

// --- Preload -----------------------------------------------------------------------------------

Preload::Preload(std::shared_ptr<EngineCore> core, std::shared_ptr<PreloadState> state)
    : core_(std::move(core)), state_(std::move(state)) {}

uint64_t Preload::id() const noexcept {
  return state_->id;
}

bool Preload::done() const {
  const EngineCore::Lock lock(core_->mutex_);
  if (!state_->failure.empty()) throw EngineError(ErrorCode::kModel, state_->failure);
  return state_->done;
}

// --- Engine ------------------------------------------------------------------------------------

Engine::Engine(std::shared_ptr<Backend> backend, const EngineSettings& settings)
    : core_(std::make_shared<EngineCore>(std::move(backend), settings)) {
  core_->start();
}

Engine::~Engine() {
  stop();
}

void Engine::stop() {
  core_->stop();
}

int Engine::event_fd() const noexcept {
  return core_->event_.get();
}

std::vector<uint64_t> Engine::poll() {
  const EngineCore::Lock lock(core_->mutex_);
  core_->event_.clear();
  core_->news_announced_ = false;
  std::vector<uint64_t> ids(core_->news_.begin(), core_->news_.end());
  core_->news_.clear();
  return ids;
}

std::unique_ptr<Conversation> Engine::open(std::vector<Token> prefix, bool committed) {
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_room_for_prefix(prefix);
  const auto open =
      std::count_if(core_->calls_.begin(), core_->calls_.end(), [](const auto& c) { return !c->closed; });
  if (open >= core_->settings_.calls) {
    throw EngineError(ErrorCode::kBusy,
                      "all " + std::to_string(open) + " conversations of the model are in use");
  }
  const auto tokens = std::make_shared<const std::vector<Token>>(std::move(prefix));
  const bool known = core_->find_prefix(*tokens) != nullptr;
  auto shared = tokens->empty() ? nullptr : core_->find_or_add_prefix(tokens);
  auto call = std::make_shared<CallState>(shared ? shared->tokens : tokens);
  call->id = core_->next_id();
  call->committed = committed;
  call->arrived_ns = call->since_ns = core_->now();
  if (shared) {
    ++shared->users;
    if (!known) call->computed_since = shared->size();  // computed because of this call
    call->prefix = std::move(shared);
  }
  core_->calls_.push_back(call);
  core_->wake();
  return std::unique_ptr<Conversation>(new Conversation(core_, std::move(call)));
}

std::unique_ptr<Preload> Engine::preload(std::vector<Token> prefix) {
  const EngineCore::Lock lock(core_->mutex_);
  core_->require_room_for_prefix(prefix);
  auto state = std::make_shared<PreloadState>();
  state->id = core_->next_id();
  if (prefix.empty()) {
    state->done = true;
    core_->announce(state->id);
  } else {
    const auto shared =
        core_->find_or_add_prefix(std::make_shared<const std::vector<Token>>(std::move(prefix)));
    if (shared) {
      shared->waiting.push_back(state);
      core_->wake();
    } else {
      // Every place for prefixes is in use: calls that begin with this one compute it for themselves.
      state->done = true;
      core_->announce(state->id);
    }
  }
  return std::unique_ptr<Preload>(new Preload(core_, std::move(state)));
}

void Engine::wake() {
  const EngineCore::Lock lock(core_->mutex_);
  core_->wake();
}

Health Engine::health() const noexcept {
  return {core_->last_progress_ns_.load(), core_->decoding_since_ns_.load(), core_->stopped_.load()};
}

EngineStats Engine::stats() const {
  const EngineCore::Lock lock(core_->mutex_);
  EngineStats stats = core_->stats_;
  stats.calls = static_cast<int32_t>(
      std::count_if(core_->calls_.begin(), core_->calls_.end(), [](const auto& c) { return !c->closed; }));
  stats.prefixes = static_cast<int32_t>(core_->prefixes_.size());
  stats.cells = core_->backend_ ? core_->backend_->cells() : 0;
  stats.cells_used = core_->cells_used();
  return stats;
}

}  // namespace offhook::llm
