#include "llm/scheduler.h"

#include <algorithm>

namespace offhook::llm {

namespace {

// Running calls come along with a first-token batch when they make it dearer by no more than this.
constexpr double kNearlyFree = 1.05;
constexpr int32_t kGrain = 4;  // the CPU kernels work on this many rows; partial slices are cut to it

Nanoseconds waited(const Job& job, Nanoseconds now_ns) {
  return std::max<Nanoseconds>(0, now_ns - job.since_ns);
}

/// 0 is served first.
int64_t rank_of(const Job& job, Nanoseconds now_ns, const SchedulerSettings& settings) {
  int64_t rank = 0;
  switch (job.kind) {
    case JobKind::kRunning:
    case JobKind::kFirst:
      rank = job.committed ? 0 : 1;
      break;
    case JobKind::kText:
      rank = job.committed ? 2 : 3;
      break;
    case JobKind::kBackground:
      rank = 4;
      break;
  }
  if (settings.starve_ns > 0) rank -= waited(job, now_ns) / settings.starve_ns;
  return std::max<int64_t>(rank, 0);
}

/// Builds one batch under a limit of tokens.
class Batch {
 public:
  explicit Batch(int32_t limit) : left_(limit) {}
  int32_t left() const { return left_; }
  int32_t tokens() const { return tokens_; }
  void add(const Job& job, int32_t tokens) {
    tokens = std::min({tokens, job.pending, left_});
    if (tokens <= 0) return;
    slices_.push_back({job.id, tokens, 0});
    jobs_.push_back(&job);
    left_ -= tokens;
    tokens_ += tokens;
  }
  /// Guessed tokens behind the jobs that are complete, in their order, at most `room` of them.
  void add_drafts(int32_t room) {
    room = std::min(room, left_);
    for (size_t i = 0; i < slices_.size() && room > 0; ++i) {
      if (slices_[i].tokens < jobs_[i]->pending) continue;
      const int32_t draft = std::clamp(jobs_[i]->draft, 0, room);
      slices_[i].draft = draft;
      room -= draft;
      left_ -= draft;
      tokens_ += draft;
    }
  }
  /// Every one of `jobs` is in the batch with all its tokens.
  bool completes(std::span<const Job* const> jobs) const {
    return std::all_of(jobs.begin(), jobs.end(), [this](const Job* job) {
      const auto at = std::find(jobs_.begin(), jobs_.end(), job);
      return at != jobs_.end() && slices_[static_cast<size_t>(at - jobs_.begin())].tokens == job->pending;
    });
  }
  std::vector<Slice> take() { return std::move(slices_); }

 private:
  std::vector<Slice> slices_;
  std::vector<const Job*> jobs_;  // by slice
  int32_t left_;
  int32_t tokens_ = 0;
};

}  // namespace

Nanoseconds token_gap_ns(int32_t running_committed, const CostModel& costs,
                         const SchedulerSettings& settings) {
  return std::max(settings.min_gap_ns, settings.gap_tokens * costs.estimate(running_committed));
}

std::vector<Slice> plan_batch(std::span<const Job> jobs, Nanoseconds now_ns, const CostModel& costs,
                              const SchedulerSettings& settings) {
  std::vector<const Job*> running;      // committed, longest wait first
  std::vector<const Job*> speculative;  // running, not committed
  std::vector<const Job*> prompts;      // everything else, most urgent first
  int32_t first_tokens = 0;             // pending tokens of committed turns that wait for their first token
  for (const Job& job : jobs) {
    if (job.pending < 1) continue;
    if (job.kind == JobKind::kRunning) {
      (job.committed ? running : speculative).push_back(&job);
    } else {
      prompts.push_back(&job);
      if (job.kind == JobKind::kFirst && job.committed) first_tokens += job.pending;
    }
  }
  const auto longer_wait = [](const Job* a, const Job* b) {
    return a->since_ns != b->since_ns ? a->since_ns < b->since_ns : a->id < b->id;
  };
  std::sort(running.begin(), running.end(), longer_wait);
  std::sort(speculative.begin(), speculative.end(), longer_wait);
  std::sort(prompts.begin(), prompts.end(), [&](const Job* a, const Job* b) {
    const int64_t rank_a = rank_of(*a, now_ns, settings);
    const int64_t rank_b = rank_of(*b, now_ns, settings);
    if (rank_a != rank_b) return rank_a < rank_b;
    return a->arrived_ns != b->arrived_ns ? a->arrived_ns < b->arrived_ns : a->id < b->id;
  });

  const auto n_running = static_cast<int32_t>(running.size());
  const Nanoseconds gap = token_gap_ns(n_running, costs, settings);
  const Nanoseconds oldest = running.empty() ? 0 : waited(*running.front(), now_ns);
  const auto overdue = [&](const Job* job) {
    return waited(*job, now_ns) >= settings.speculative_gaps * std::max(gap, costs.estimate(1));
  };
  Batch batch(settings.max_batch_tokens);

  // Rule 2: the prompts of new committed turns alone, if the running calls can wait that long.
  if (first_tokens > 0 && first_tokens <= settings.max_batch_tokens && !running.empty()) {
    const Nanoseconds alone = costs.estimate(first_tokens);
    const auto with_all = static_cast<double>(costs.estimate(first_tokens + n_running));
    const bool nearly_free = with_all <= kNearlyFree * static_cast<double>(alone);
    const bool can_wait = oldest + alone + costs.estimate(n_running) <= gap;
    if (can_wait && !nearly_free) {
      for (const Job* job : prompts) {
        if (job->kind == JobKind::kFirst && job->committed) batch.add(*job, job->pending);
      }
      if (batch.completes(prompts)) {
        const Nanoseconds spare = gap - oldest - costs.estimate(n_running);
        batch.add_drafts(costs.tokens_within(spare, settings.max_batch_tokens) - batch.tokens());
      }
      return batch.take();
    }
  }

  // Rule 1: every running committed call, then prompts for as long as the oldest of them can wait.
  for (const Job* job : running) batch.add(*job, 1);
  const Nanoseconds budget =
      running.empty() ? settings.quiet_batch_ns : std::max<Nanoseconds>(0, gap - oldest);
  const bool urgent = !prompts.empty() && rank_of(*prompts.front(), now_ns, settings) == 0;

  // Speculative running calls: at once when nothing committed wants the time, else when they fit or are due.
  for (const Job* job : speculative) {
    const bool alone = running.empty() && !urgent;
    if (alone || overdue(job) || (!urgent && costs.estimate(batch.tokens() + 1) <= budget))
      batch.add(*job, 1);
  }

  bool moved = false;
  for (const Job* job : prompts) {
    if (batch.left() <= 0) break;
    const int32_t room = costs.tokens_within(budget, settings.max_batch_tokens) - batch.tokens();
    int32_t tokens = std::min(job->pending, room);
    if (tokens < job->pending) tokens -= tokens % kGrain;
    if (!moved) tokens = std::max(tokens, std::min(job->pending, settings.min_slice_tokens));
    if (tokens <= 0) break;
    batch.add(*job, tokens);
    moved = true;
  }

  // Rule 5.  A call whose own draft it is waits for nothing: it may get many tokens at once.
  const bool others_wait =
      std::any_of(running.begin(), running.end(), [](const Job* j) { return j->draft == 0; });
  if (batch.completes(prompts)) {
    const Nanoseconds longest = others_wait ? budget : std::max(budget, settings.quiet_batch_ns);
    const int32_t room = costs.tokens_within(longest, settings.max_batch_tokens) - batch.tokens();
    batch.add_drafts(others_wait ? room : std::max(room, settings.min_slice_tokens));
  }
  return batch.take();
}

}  // namespace offhook::llm
