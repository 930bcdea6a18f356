// Which call's tokens go into the next batch.
//
// A pure function of the waiting jobs, the time and the learnt costs: no model, no clock, no lock.
// The engine acts on what it says; the tests are tables.
//
// The rules, in order:
//   1. A running committed call gets its next token within `gap`: gap_tokens times what one token for
//      all running calls costs, and no less than min_gap_ns.  Prompts are read in slices small enough.
//   2. Within that gap a new turn's first token goes before continuing ones: when the waiting prompts of
//      committed turns fit, they are computed alone and the running calls sit out one batch.  (Where
//      running calls cost next to nothing extra, as on a GPU, they come along.)
//   3. Committed work goes before speculative work, waiting generations before words that only arrive,
//      and those before prefixes nobody waits for.
//   4. Nobody starves: a job moves up one class for every starve_ns without moving, a speculative
//      running call gets a token at least every speculative_gaps gaps, and every batch with a prompt in
//      it moves that prompt by min_slice_tokens or more.
//   5. Drafts (guesses of what a generation says next) come behind a call's last pending token, and only
//      in time that nobody else wants: no prompt is cut short or left out, and no running call waits longer
//      than `gap`.

#pragma once

#include <span>
#include <vector>

#include "llm/cost_model.h"
#include "llm/token.h"

namespace offhook::llm {

/// What a job waits for.
enum class JobKind : uint8_t {
  kRunning,     ///< a generation between two tokens; one token is pending
  kFirst,       ///< a generation that has not had its first token
  kText,        ///< text that came in; nobody waits for a token yet
  kBackground,  ///< a prefix computed ahead of any call
};

/// One sequence with tokens to compute.
struct Job {
  uint32_t id = 0;  ///< the engine's name for it; unique in one call of plan_batch()
  JobKind kind = JobKind::kText;
  bool committed = true;       ///< false: speculative, may be thrown away
  int32_t pending = 1;         ///< tokens not computed yet, >= 1
  Nanoseconds since_ns = 0;    ///< when it last moved, or began to wait (kRunning: had its last token)
  Nanoseconds arrived_ns = 0;  ///< when its oldest pending token came; first come, first served in a class
  int32_t draft = 0;           ///< guessed tokens behind them, worth computing if there is room
  bool awaited = false;        ///< somebody waits for all of it to be computed, though not for a token
};

struct SchedulerSettings {
  int32_t max_batch_tokens = 512;
  int32_t min_slice_tokens = 4;  ///< a prompt in a batch moves by at least this much
  int32_t gap_tokens = 4;        ///< "a few tokens' time"
  Nanoseconds min_gap_ns = 15 * kMillisecond;
  /// Longest batch when no committed call is running: what a new caller may have to wait.  Long enough for
  /// the caller's words, a note beside them and the first tokens of a draft on two slow cores.
  Nanoseconds quiet_batch_ns = 150 * kMillisecond;
  int32_t speculative_gaps = 4;
  Nanoseconds starve_ns = 1'000 * kMillisecond;
};

/// `tokens` of job `id`'s pending ones, from the front; behind all of them, `draft` guessed ones.
struct Slice {
  uint32_t id = 0;
  int32_t tokens = 0;
  int32_t draft = 0;
  bool operator==(const Slice&) const = default;
};

/// The next batch: slices of distinct jobs, at most max_batch_tokens together (drafts included), in the order
/// in which they were chosen.  Empty only when there are no jobs.
std::vector<Slice> plan_batch(std::span<const Job> jobs, Nanoseconds now_ns, const CostModel& costs,
                              const SchedulerSettings& settings);

/// The longest time that a running committed call may have to wait for a token, as of now.
Nanoseconds token_gap_ns(int32_t running_committed, const CostModel& costs,
                         const SchedulerSettings& settings);

}  // namespace offhook::llm
