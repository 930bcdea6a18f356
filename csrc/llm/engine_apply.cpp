// What came of a batch: tokens are chosen and handed out, drafts verified, failures told to whom they
// concern. Engine thread.

#include <algorithm>
#include <exception>

#include "llm/engine_core.h"

namespace offhook::llm {

// Without the lock.
void EngineCore::judge_end(Outcome& outcome, const float* logits) {
  if (logits == nullptr) return;
  const Vocabulary& vocabulary = backend_->vocabulary();
  const auto ends = vocabulary.sentence_ends();
  outcome.end_probability = probability_of(logits, vocabulary.size(), ends.data(), ends.size());
}

// Without the lock.
void EngineCore::choose(Outcome& outcome, const float* logits) {
  const Vocabulary& vocabulary = backend_->vocabulary();
  if (logits == nullptr) {
    outcome.sampling_error = "the model gave no probabilities";
    return;
  }
  if (outcome.generation) {
    sample(outcome, logits);
  } else if (logits != outcome.call->logits.data()) {
    // Nobody asks for a token yet; when a generation begins here, its first one costs no computation.
    outcome.call->logits.assign(logits, logits + vocabulary.size());
    outcome.logits_kept = true;
  }
}

// Without the lock.
void EngineCore::sample(Outcome& outcome, const float* logits) {
  try {
    if (logits == nullptr) throw EngineError(ErrorCode::kModel, "the model gave no probabilities");
    outcome.tokens_said.push_back(outcome.generation->sampler->sample(logits, backend_->vocabulary().size()));
  } catch (const std::exception& error) {
    outcome.sampling_error = error.what();
  }
}

// Without the lock.  Row by row through the ordinary sampler: a row counts as long as every token said
// before it is the guessed one that the row was computed with.
void EngineCore::verify(Outcome& outcome, std::span<const BatchToken> batch) {
  for (int32_t i = 0; i < outcome.draft && outcome.sampling_error.empty(); ++i) {
    const Token said = outcome.tokens_said.back();
    const int32_t row = outcome.logits_index + 1 + i;
    if (said != batch[static_cast<size_t>(row)].token || backend_->vocabulary().ends_message(said)) return;
    sample(outcome, backend_->logits(row));
  }
}

void EngineCore::apply(Work& work) {
  for (Outcome& outcome : work.outcomes) {
    Residence& cache = outcome.call ? outcome.call->cache : outcome.prefix->cache;
    cache.in_flight = 0;
    cache.resident = outcome.end + outcome.draft;
    cache.computed = std::min(outcome.end, cache.low_water);
    cache.shared = std::min(cache.shared, cache.computed);
    if (outcome.prefix) {
      outcome.prefix->since_ns = now();
      continue;
    }
    outcome.call->since_ns = now();
    outcome.call->computed_since += outcome.tokens;
    apply_call(*outcome.call, outcome);
  }
}

void EngineCore::apply_call(CallState& call, Outcome& outcome) {
  if (call.closed || !call.failure.empty()) return;
  if (outcome.generation) {
    ++outcome.generation->stats.decodes;
    outcome.generation->stats.drafted_tokens += outcome.draft;
    stats_.drafted_tokens += static_cast<uint64_t>(outcome.draft);
  }
  // A question that its text was rolled back behind does not wait any more.
  if (outcome.question != 0) answer_question(call, outcome.question, outcome.end_probability);
  // Rolled back or written on meanwhile: what was computed stays, what it said does not count.
  const bool stands = call.cache.low_water >= outcome.end && call.cache.computed >= outcome.end;
  const bool fresh = stands && call.size() == outcome.end && call.cache.computed == outcome.end;
  const bool wanted = fresh || (stands && call.asked_at() == outcome.end);
  call.logits_at = outcome.logits_kept && wanted ? outcome.end : CallState::kNone;
  if (!fresh) return;
  GenerationState* generation = outcome.generation.get();
  if (!generation || call.generation != outcome.generation) return;
  const size_t said = outcome.tokens_said.size();
  const auto drafted = static_cast<size_t>(outcome.draft);
  if (drafted > 0 && said > drafted) generation->draft.grow();
  for (size_t i = 0; i < said; ++i) {
    if (i < drafted && i + 1 < said) {
      // The guessed token is the one that is said: its cell is in the cache already.
      call.cache.computed = outcome.end + static_cast<int32_t>(i) + 1;
      ++generation->stats.accepted_tokens;
      ++stats_.accepted_tokens;
    }
    apply_token(call, *generation, outcome.tokens_said[i]);
    if (!generation->running()) return;
  }
  if (!outcome.sampling_error.empty()) finish(call, Finish::kFailed, outcome.sampling_error);
}

void EngineCore::apply_token(CallState& call, GenerationState& generation, Token token) {
  const Vocabulary& vocabulary = backend_->vocabulary();
  if (generation.first()) {
    generation.stats.first_token_ns = now();
    generation.stats.prompt_tokens_computed = std::min(call.computed_since, call.size());
    generation.stats.prompt_tokens_reused = call.size() - generation.stats.prompt_tokens_computed;
    announce(generation.id);
  }
  if (vocabulary.ends_message(token)) return finish(call, Finish::kEnd);
  ++generation.stats.generated_tokens;
  ++stats_.generated_tokens;
  generation.draft.follow(token);
  call.transcript.append({&token, 1});
  call.said_last = true;
  call.logits_at = CallState::kNone;
  call.since_ns = call.arrived_ns = now();
  const std::string_view piece = vocabulary.piece(token);
  generation.said.append(piece);
  generation.ends.push_back(generation.said.size());
  std::string text = generation.stops.push(generation.joiner.push(piece));
  if (!text.empty()) {
    generation.pieces.push_back(std::move(text));
    announce(generation.id);
  }
  if (generation.stops.stopped()) return cut_at_stop(call, generation);
  if (generation.stats.generated_tokens >= generation.options.max_tokens)
    return finish(call, Finish::kLength);
  if (call.size() >= settings_.call_tokens || cells_wanted() > usable_cells()) finish(call, Finish::kContext);
}

void EngineCore::cut_at_stop(CallState& call, GenerationState& generation) {
  const size_t bytes = std::min(*generation.stops.stop_at(), generation.said.size());
  auto& ends = generation.ends;
  const auto whole = std::upper_bound(ends.begin(), ends.end(), bytes) - ends.begin();
  const size_t kept = whole > 0 ? ends[static_cast<size_t>(whole) - 1] : 0;
  const std::string rest = generation.said.substr(kept, bytes - kept);
  truncate(call, call.transcript.index_of(generation.begin) + static_cast<int32_t>(whole));
  ends.resize(static_cast<size_t>(whole));
  generation.said.resize(bytes);
  if (!rest.empty()) {
    // The stop string began inside a token: what came before it in that token is written anew.
    call.transcript.append(backend_->vocabulary().tokenize(rest, false));
  }
  finish(call, Finish::kStop);
}

// --- when it goes wrong ------------------------------------------------------------------------------

void EngineCore::decode_failed(Work& work, DecodeStatus status) {
  for (Outcome& outcome : work.outcomes)
    (outcome.call ? outcome.call->cache : outcome.prefix->cache).in_flight = 0;
  if (stopping_) return;
  ++stats_.failures;
  bool drafted = false;
  for (Outcome& outcome : work.outcomes) {
    if (outcome.draft == 0) continue;
    drafted = true;
    outcome.generation->draft.drop();
  }
  if (status == DecodeStatus::kNoRoom) {
    // Nothing was computed.  Make the batch smaller; a single token that finds no cell gives up.
    if (evict_one() || drafted) return;
    if (work.batch.size() > 1) {
      batch_limit_ = std::max<int32_t>(1, static_cast<int32_t>(work.batch.size() / 2));
      return;
    }
    batch_limit_ = settings_.scheduler.max_batch_tokens;
    return give_up(work.outcomes.front(), Finish::kContext, "the model's cache has no room left");
  }
  // What the cache holds of these sequences is unknown: forget it all.  The transcripts are intact, so
  // a call that is not the cause is computed again and goes on.
  for (Outcome& outcome : work.outcomes) {
    Residence& cache = outcome.call ? outcome.call->cache : outcome.prefix->cache;
    cache.resident = std::max(cache.resident, outcome.end + outcome.draft);
    cache.forget();
    cache.shared = 0;
    if (outcome.call) outcome.call->logits_at = CallState::kNone;
  }
  if (work.outcomes.size() == 1 && !drafted) {
    return give_up(work.outcomes.front(), Finish::kFailed,
                   "the model failed while computing; see the model's log");
  }
  for (const Outcome& outcome : work.outcomes)
    alone_.push_back(outcome.call ? outcome.call->id : outcome.prefix->id);
}

void EngineCore::give_up(const Outcome& outcome, Finish reason, const std::string& why) {
  if (outcome.call) {
    if (outcome.call->generation) return finish(*outcome.call, reason, why);
    if (!outcome.call->closed) fail(*outcome.call, why);
    return;
  }
  for (const auto& call : calls_) {
    if (!call->closed && call->prefix == outcome.prefix) fail(*call, why);
  }
  for (const auto& preload : outcome.prefix->waiting) {
    preload->failure = why;
    announce(preload->id);
  }
  outcome.prefix->waiting.clear();
}

}  // namespace offhook::llm
