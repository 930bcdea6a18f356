// The engine thread: settle what changed, plan a batch, compute it.

#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <limits>

#include "llm/engine_core.h"

namespace offhook::llm {

namespace {

// Text that came in and that nobody waits for yet lies this long before it is computed: as a rule the rest
// of the turn and generate() follow within less, and text, the end asked for and the draft then go into one
// batch instead of three.
constexpr Nanoseconds kLinger_ns = 3 * kMillisecond / 2;

// After so long without a core it is looked again at what is wanted, and at whether the engine has to end.
constexpr Nanoseconds kCoreWait_ns = 50 * kMillisecond;

constexpr int32_t kRows = 4;
static_assert(Draft::kFill == kRows - 1, "a draft can fill up whatever is missing of a batch's last rows");

/// How long to wait for what may follow; 0 when something is wanted at once.
Nanoseconds linger(const std::vector<Job>& jobs, Nanoseconds now_ns) {
  Nanoseconds left = 0;
  for (const Job& job : jobs) {
    if (job.kind != JobKind::kText || job.awaited) return 0;
    left = std::max(left, job.arrived_ns + kLinger_ns - now_ns);
  }
  return left;
}

}  // namespace

void EngineCore::run() {
  ::pthread_setname_np(::pthread_self(), "offhook-llm");
  Lock lock(mutex_);
  try {
    while (!stopping_) {
      work_wanted_ = false;
      settle();
      if (serve_ready(lock) || move_prefix(lock)) continue;
      const std::vector<Job> jobs = collect();
      if (const Nanoseconds wait_ns = linger(jobs, now()); wait_ns > 0) {
        leave_cores();
        wanted_.wait_for(lock, std::chrono::nanoseconds(wait_ns),
                         [this] { return stopping_ || work_wanted_; });
        continue;
      }
      if (!has_cores(lock, jobs)) continue;
      SchedulerSettings scheduler = settings_.scheduler;
      scheduler.max_batch_tokens = batch_limit_;
      const std::vector<Slice> slices = plan_batch(jobs, now(), costs_, scheduler);
      if (slices.empty()) {
        leave_cores();
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
    leave_cores();
    stopping_ = true;
    stopped_ = true;
    end_all(std::string("the language model engine ended: ") + error.what());
  }
}

// --- cores ---------------------------------------------------------------------------------------

Rank EngineCore::rank() const {
  Rank best{Rank::kAhead, std::numeric_limits<int64_t>::max()};
  for (const auto& call : calls_) {
    if (call->closed || !call->failure.empty() || call->size() <= call->cache.computed) continue;
    const Nanoseconds since_ns = call->waits_since_ns > 0 ? call->waits_since_ns : call->arrived_ns;
    const bool awaited = call->generation || call->question.waits() || call->computed_wanted;
    // What is only remembered of a turn that was said is as little urgent as what is read ahead.
    best = std::min(best, {!awaited          ? Rank::kAhead
                           : call->committed ? Rank::kCommitted
                                             : Rank::kPrepared,
                           since_ns});
  }
  return best;
}

/// True when the jobs may be planned: nobody is asked for cores, or some were given before.  Else some are
/// waited for, without the lock, and it has to be looked again at what is wanted by then.
bool EngineCore::has_cores(Lock& lock, const std::vector<Job>& jobs) {
  if (!place_ || cores_ > 0 || jobs.empty()) return true;
  int32_t tokens = 0;
  for (const Job& job : jobs) tokens += std::min(job.pending + job.draft, batch_limit_);
  const int32_t most = backend_->threads_for(tokens);
  waits_for_core_ = true;
  place_->urge(rank());
  lock.unlock();
  const int32_t cores = place_->enter(most, kCoreWait_ns);
  lock.lock();
  waits_for_core_ = false;
  cores_ = cores;
  last_progress_ns_ = now();
  if (cores_ > 0) backend_->use_cores(cores_);
  return false;
}

void EngineCore::leave_cores() {
  if (cores_ > 0) place_->leave();
  cores_ = 0;
}

// --- logits that are there already ---------------------------------------------------------------

bool EngineCore::serve_ready(Lock& lock) {
  std::vector<Outcome> ready;
  for (const auto& call : calls_) {
    if (!call->failure.empty() || call->logits_at <= 0) continue;
    const bool first = call->logits_ready() && call->generation && call->generation->first();
    const bool asked = call->logits_asked();
    if (!first && !asked) continue;
    Outcome outcome;
    outcome.call = call;
    outcome.end = call->logits_at;
    if (asked) outcome.question = call->question.number;
    if (first) outcome.generation = call->generation;
    call->cache.low_water = std::numeric_limits<int32_t>::max();
    ready.push_back(std::move(outcome));
  }
  if (ready.empty()) return false;
  lock.unlock();
  for (Outcome& outcome : ready) {
    if (outcome.question != 0) judge_end(outcome, outcome.call->logits.data());
    choose(outcome, outcome.call->logits.data());
  }
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
    if (pending == 1 && call->said_last && !call->generation && !call->question.waits() &&
        !call->computed_wanted) {
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
    job.draft = draft_wanted(*call);
    job.awaited = call->computed_wanted;
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

int32_t EngineCore::draft_wanted(const CallState& call) const {
  const GenerationState* generation = call.generation.get();
  if (!generation || !drafts_) return 0;
  // One more token than guessed may be said, and all of them must find room.
  const int32_t most = std::min({generation->options.max_tokens - generation->stats.generated_tokens,
                                 settings_.call_tokens - call.size(),
                                 settings_.queue_pieces - static_cast<int32_t>(generation->pieces.size())}) -
                       1;
  const int32_t tokens = std::min(static_cast<int32_t>(generation->draft.next().size()), most);
  if (tokens <= 0) return 0;
  // The CPU kernels take rows by four, and what is left over one by one, each of which costs nearly as much
  // as four.  So the last four are filled up, if need be with the end of the message.
  const int32_t over = (call.size() - call.cache.computed + tokens) % kRows;
  if (over == 0) return tokens;
  const int32_t filled = tokens + kRows - over;
  if (filled <= most && static_cast<int32_t>(generation->draft.next(kRows - over).size()) == filled)
    return filled;
  return over < tokens ? tokens - over : tokens;
}

EngineCore::Work EngineCore::build(const std::vector<Slice>& slices) {
  int32_t wanted = 0;
  for (const Slice& slice : slices) wanted += slice.tokens;
  while (cells_used() + wanted > backend_->cells() && evict_one()) {
  }
  int32_t room = backend_->cells() - cells_used();
  int32_t spare = room - wanted;
  int32_t spare_rows = backend_->max_logit_rows() - static_cast<int32_t>(slices.size());
  Work work;
  for (const Slice& slice : slices) {
    Outcome outcome = targets_[slice.id];
    Residence& cache = outcome.call ? outcome.call->cache : outcome.prefix->cache;
    int32_t tokens = std::min(slice.tokens, room);
    if (tokens <= 0) continue;
    const int32_t asked_at = outcome.call ? outcome.call->asked_at() : CallState::kNone;
    const bool asked = asked_at > cache.computed && asked_at <= cache.computed + tokens;
    if (asked && asked_at < outcome.call->size() && cache.computed + tokens == outcome.call->size()) {
      // Two rows: where it was asked, and the end.  When there is none to spare, the end waits.
      if (spare_rows > 0) {
        --spare_rows;
      } else {
        tokens = asked_at - cache.computed;
      }
    }
    room -= tokens;
    assert(cache.resident == cache.computed && cache.sequence != Residence::kNone);
    for (int32_t i = cache.computed; i < cache.computed + tokens; ++i) {
      const Token token =
          outcome.call ? outcome.call->transcript.at(i) : (*outcome.prefix->tokens)[static_cast<size_t>(i)];
      work.batch.push_back({token, i, cache.sequence, false});
    }
    outcome.tokens = tokens;
    outcome.end = cache.computed + tokens;
    if (outcome.call) outcome.call->logits_at = CallState::kNone;  // what is kept next belongs elsewhere
    if (asked) {
      outcome.question = outcome.call->question.number;
      outcome.end_index = static_cast<int32_t>(work.batch.size()) - (outcome.end - asked_at) - 1;
      work.batch[static_cast<size_t>(outcome.end_index)].logits = true;
    }
    if (outcome.call && outcome.end == outcome.call->size()) {
      outcome.logits_index = static_cast<int32_t>(work.batch.size()) - 1;
      work.batch.back().logits = true;
      outcome.generation = outcome.call->generation;
      outcome.draft = std::max(0, std::min({slice.draft, spare, spare_rows}));
      spare -= outcome.draft;
      spare_rows -= outcome.draft;
      const auto guessed =
          outcome.draft > 0 ? outcome.generation->draft.next(kRows - 1) : std::span<const Token>();
      for (int32_t i = 0; i < outcome.draft; ++i) {
        const Token token = guessed[static_cast<size_t>(i)];
        work.batch.push_back({token, outcome.end + i, cache.sequence, true});
      }
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
      if (outcome.end_index >= 0) judge_end(outcome, backend_->logits(outcome.end_index));
      if (outcome.logits_index < 0) continue;
      choose(outcome, backend_->logits(outcome.logits_index));
      verify(outcome, work.batch);
    }
  }
  leave_cores();
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

}  // namespace offhook::llm
