// The engine thread: settle what changed, plan a batch, compute it, hand out what came of it.

#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <limits>

#include "models/engine_core.h"

namespace offhook::llm {

void EngineCore::run() {
  ::pthread_setname_np(::pthread_self(), "offhook-llm");
  Lock lock(mutex_);
  try {
    while (!stopping_) {
      work_wanted_ = false;
      settle();
      if (serve_ready(lock)) continue;
      const std::vector<Job> jobs = collect();
      SchedulerSettings scheduler = settings_.scheduler;
      scheduler.max_batch_tokens = batch_limit_;
      const std::vector<Slice> slices = plan_batch(jobs, now(), costs_, scheduler);
      if (slices.empty()) {
        last_progress_ns_ = now();
        wanted_.wait(lock, [this] { return stopping_ || work_wanted_; });
        continue;
      }
      Work work = build(slices);
      if (work.batch.empty()) continue;
      decode(lock, work);
    }
  } catch (const std::exception& error) {
    if (!lock.owns_lock()) lock.lock();
    // Out of memory or a fault of ours: no call may wait for an answer that will not come.
    stopping_ = true;
    stopped_ = true;
    end_all(std::string("the language model engine ended: ") + error.what());
  }
}

// --- logits that are there already ---------------------------------------------------------------

bool EngineCore::serve_ready(Lock& lock) {
  std::vector<Outcome> ready;
  for (const auto& call : calls_) {
    if (!call->failure.empty() || !call->logits_ready() || call->size() == 0) continue;
    const bool first = call->generation && call->generation->first();
    if (!first && !call->end_wanted) continue;
    Outcome outcome;
    outcome.call = call;
    outcome.end = call->size();
    outcome.end_wanted = call->end_wanted;
    if (first) outcome.generation = call->generation;
    call->cache.low_water = std::numeric_limits<int32_t>::max();
    ready.push_back(std::move(outcome));
  }
  if (ready.empty()) return false;
  lock.unlock();
  for (Outcome& outcome : ready) choose(outcome, outcome.call->logits.data());
  lock.lock();
  for (Outcome& outcome : ready) {
    if (!outcome.generation) outcome.logits_kept = true;
    apply_call(*outcome.call, outcome);
  }
  return true;
}

// --- planning --------------------------------------------------------------------------------------

std::vector<Job> EngineCore::collect() {
  std::vector<Job> jobs;
  targets_.clear();
  add_prefix_jobs(jobs);
  for (const auto& call : calls_) {
    if (!call->failure.empty()) continue;
    if (call->prefix && !call->prefix->ready()) continue;
    const int32_t pending = call->size() - call->cache.computed;
    if (pending <= 0) continue;
    if (pending == 1 && call->said_last && !call->generation && !call->end_wanted && !call->computed_wanted) {
      continue;  // the end of an answer: computed together with what is appended, if it is not rolled back
    }
    Job job;
    const GenerationState* generation = call->generation.get();
    if (generation) {
      if (generation->pieces.size() >= static_cast<size_t>(settings_.queue_pieces)) continue;
      job.kind = generation->first() || pending > 1 ? JobKind::kFirst : JobKind::kRunning;
    }
    job.id = static_cast<uint32_t>(targets_.size());
    job.committed = call->committed;
    job.pending = pending;
    job.since_ns = call->since_ns;
    job.arrived_ns = call->arrived_ns;
    jobs.push_back(job);
    targets_.emplace_back().call = call;
  }
  while (!alone_.empty()) {
    const uint64_t id = alone_.front();
    std::vector<Job> one;
    std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(one), [&](const Job& job) {
      const Outcome& target = targets_[job.id];
      return (target.call ? target.call->id : target.prefix->id) == id;
    });
    if (!one.empty()) return one;
    alone_.pop_front();
  }
  return jobs;
}

void EngineCore::add_prefix_jobs(std::vector<Job>& jobs) {
  for (const auto& prefix : prefixes_) {
    if (prefix->ready()) continue;
    bool wanted = !prefix->waiting.empty();
    Job job;
    job.kind = JobKind::kBackground;
    job.committed = false;
    // A prefix is as urgent as the most urgent call that waits for it.
    for (const auto& call : calls_) {
      if (call->closed || !call->failure.empty() || call->prefix != prefix) continue;
      wanted = true;
      const JobKind kind = call->generation ? JobKind::kFirst : JobKind::kText;
      job.kind = std::min(job.kind, kind);
      job.committed = job.committed || call->committed;
    }
    if (!wanted) continue;
    job.id = static_cast<uint32_t>(targets_.size());
    job.pending = prefix->size() - prefix->cache.computed;
    job.since_ns = prefix->since_ns;
    job.arrived_ns = prefix->arrived_ns;
    jobs.push_back(job);
    targets_.emplace_back().prefix = prefix;
  }
}

EngineCore::Work EngineCore::build(const std::vector<Slice>& slices) {
  int32_t wanted = 0;
  for (const Slice& slice : slices) wanted += slice.tokens;
  while (cells_used() + wanted > backend_->cells() && evict_one()) {
  }
  int32_t room = backend_->cells() - cells_used();
  Work work;
  for (const Slice& slice : slices) {
    Outcome outcome = targets_[slice.id];
    const int32_t tokens = std::min(slice.tokens, room);
    if (tokens <= 0) continue;
    room -= tokens;
    Residence& cache = outcome.call ? outcome.call->cache : outcome.prefix->cache;
    assert(cache.resident == cache.computed && cache.sequence != Residence::kNone);
    for (int32_t i = cache.computed; i < cache.computed + tokens; ++i) {
      const Token token =
          outcome.call ? outcome.call->transcript.at(i) : (*outcome.prefix->tokens)[static_cast<size_t>(i)];
      work.batch.push_back({token, i, cache.sequence, false});
    }
    outcome.tokens = tokens;
    outcome.end = cache.computed + tokens;
    if (outcome.call && outcome.end == outcome.call->size()) {
      outcome.logits_index = static_cast<int32_t>(work.batch.size()) - 1;
      work.batch.back().logits = true;
      outcome.generation = outcome.call->generation;
      outcome.end_wanted = outcome.call->end_wanted;
    }
    cache.in_flight = tokens;
    cache.low_water = std::numeric_limits<int32_t>::max();
    work.outcomes.push_back(std::move(outcome));
  }
  if (work.batch.empty() && !slices.empty()) {
    // Admission keeps this from happening; if it does, the first in line gives way.
    give_up(targets_[slices.front().id], Finish::kContext,
            "the model's context is full of other calls; raise llm.n_ctx");
  }
  return work;
}

// --- computing -------------------------------------------------------------------------------------

void EngineCore::decode(Lock& lock, Work& work) {
  const Nanoseconds begin = now();
  decoding_since_ns_ = begin;
  lock.unlock();
  const DecodeStatus status = backend_->decode(work.batch);
  const Nanoseconds elapsed = now() - begin;
  if (status == DecodeStatus::kOk) {
    for (Outcome& outcome : work.outcomes) {
      if (outcome.logits_index >= 0) choose(outcome, backend_->logits(outcome.logits_index));
    }
  }
  lock.lock();
  decoding_since_ns_ = 0;
  last_progress_ns_ = now();
  stats_.decoding_ns += elapsed;
  ++stats_.batches;
  if (status == DecodeStatus::kOk) {
    stats_.batch_tokens += work.batch.size();
    costs_.observe(static_cast<int32_t>(work.batch.size()), elapsed);
    batch_limit_ = settings_.scheduler.max_batch_tokens;
    apply(work);
  } else {
    decode_failed(work, status);
  }
}

// Without the lock.
void EngineCore::choose(Outcome& outcome, const float* logits) {
  const Vocabulary& vocabulary = backend_->vocabulary();
  if (logits == nullptr) {
    outcome.sampling_error = "the model gave no probabilities";
    return;
  }
  if (outcome.end_wanted) {
    const auto ends = vocabulary.sentence_ends();
    outcome.end_probability = probability_of(logits, vocabulary.size(), ends.data(), ends.size());
  }
  if (outcome.generation) {
    try {
      outcome.token = outcome.generation->sampler->sample(logits, vocabulary.size());
    } catch (const std::exception& error) {
      outcome.sampling_error = error.what();
    }
  } else if (logits != outcome.call->logits.data()) {
    // Nobody asks for a token yet; when a generation begins here, its first one costs no computation.
    outcome.call->logits.assign(logits, logits + vocabulary.size());
    outcome.logits_kept = true;
  }
}

void EngineCore::apply(Work& work) {
  for (Outcome& outcome : work.outcomes) {
    Residence& cache = outcome.call ? outcome.call->cache : outcome.prefix->cache;
    cache.in_flight = 0;
    cache.resident = outcome.end;
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
  if (outcome.generation) ++outcome.generation->stats.decodes;
  // Rolled back or written on meanwhile: what was computed stays, what it said does not count.
  const bool fresh =
      call.cache.low_water >= outcome.end && call.size() == outcome.end && call.cache.computed == outcome.end;
  if (!fresh) return;
  call.logits_at = outcome.logits_kept ? outcome.end : CallState::kNone;
  if (outcome.end_wanted && call.end_wanted) {
    call.end_wanted = false;
    call.end_ready = true;
    call.end_probability = outcome.end_probability;
    announce(call.id);
  }
  GenerationState* generation = outcome.generation.get();
  if (!generation || call.generation != outcome.generation) return;
  if (!outcome.sampling_error.empty()) return finish(call, Finish::kFailed, outcome.sampling_error);
  apply_token(call, *generation, outcome.token);
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
  call.transcript.append({&token, 1});
  call.said_last = true;
  call.logits_at = CallState::kNone;
  call.end_ready = false;
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
  if (status == DecodeStatus::kNoRoom) {
    // Nothing was computed.  Make the batch smaller; a single token that finds no cell gives up.
    if (evict_one()) return;
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
    cache.resident = std::max(cache.resident, outcome.end);
    cache.forget();
    cache.shared = 0;
    if (outcome.call) outcome.call->logits_at = CallState::kNone;
  }
  if (work.outcomes.size() == 1) {
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
