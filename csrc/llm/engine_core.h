// The engine's inside: state that user threads and the engine thread share under one lock.
//
// engine.cpp holds what user threads do, engine_core.cpp the bookkeeping, engine_loop.cpp the thread,
// engine_apply.cpp what it makes of a computed batch, engine_settle.cpp how its cache follows the
// transcripts, engine_park.cpp how idle prefixes leave it and come back.
//
// How a change that comes in the middle of a batch is handled: user threads change the transcript at
// once and never touch the cache.  Each sequence remembers how much of it is in the cache (`resident`),
// how much of that is right (`computed`), and the lowest point that a rollback reached while a batch was
// out (`low_water`).  When the batch is back, what it computed counts up to that point; the rest is
// removed from the cache before the next batch.

#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/live_objects.h"
#include "llm/draft.h"
#include "llm/engine.h"
#include "llm/text_stream.h"

namespace offhook::llm {

struct PreloadState {
  uint64_t id = 0;
  bool done = false;
  std::string failure;
};

/// What one sequence has in the cache.  0 <= shared <= computed <= resident.
/// Between `computed` and `resident` lies what a rollback or a wrong draft has left, until the next batch.
struct Residence {
  SequenceId sequence = kNone;
  int32_t computed = 0;   ///< leading tokens that are in the cache and right
  int32_t resident = 0;   ///< leading positions that are in the cache
  int32_t shared = 0;     ///< leading positions whose cells belong to a prefix
  int32_t in_flight = 0;  ///< tokens in the batch that is out
  int32_t low_water = 0;  ///< lowest rollback since that batch was built

  static constexpr SequenceId kNone = -1;
  /// Everything is gone from the cache, or will be before the next batch.
  void forget() { computed = 0; }
  void cut_to(int32_t index) {
    computed = std::min(computed, index);
    low_water = std::min(low_water, index);
  }
};

struct PrefixState : Counted<PrefixState> {
  uint64_t id = 0;
  Transcript::Tokens tokens;
  Residence cache;
  int32_t users = 0;  ///< conversations that begin with it
  Nanoseconds last_used_ns = 0;
  Nanoseconds since_ns = 0;
  Nanoseconds arrived_ns = 0;
  std::vector<std::shared_ptr<PreloadState>> waiting;
  std::unique_ptr<const std::vector<uint8_t>> copy;  ///< what the cache has or had of it
  bool stays = false;                                ///< in the cache: it cannot be copied

  int32_t size() const { return static_cast<int32_t>(tokens->size()); }
  bool ready() const { return cache.computed == size(); }
  bool idle() const { return users == 0 && waiting.empty() && cache.in_flight == 0; }
};

struct GenerationState : Counted<GenerationState> {
  GenerationState(GenerationOptions given, std::unique_ptr<Sampler> made, Draft guess)
      : options(std::move(given)), sampler(std::move(made)), stops(options.stop), draft(std::move(guess)) {}

  uint64_t id = 0;
  std::weak_ptr<CallState> call;
  const GenerationOptions options;
  const std::unique_ptr<Sampler> sampler;  // used by the engine thread only, without the lock
  Utf8Joiner joiner;
  StopMatcher stops;
  Draft draft;
  std::string said;          // the answer's bytes, all of them
  std::vector<size_t> ends;  // said.size() after each token
  Mark begin;                // the answer's place in the transcript
  Mark end;
  std::deque<std::string> pieces;
  Finish finish = Finish::kNone;
  std::string error;
  GenerationStats stats;

  bool first() const { return stats.first_token_ns == 0; }
  bool running() const { return finish == Finish::kNone; }
};

/// The last question for an end probability.
struct EndQuestion {
  uint64_t number = 0;  ///< 0: none was asked yet
  Mark mark;            ///< where; valid for as long as it waits
  EndAnswer answer;

  bool waits() const { return number != 0 && answer.state == EndAnswer::State::kWaiting; }
};

struct CallState : Counted<CallState> {
  explicit CallState(Transcript::Tokens prefix_tokens) : transcript(std::move(prefix_tokens)) {}

  uint64_t id = 0;
  Transcript transcript;
  std::shared_ptr<PrefixState> prefix;  ///< null: it computes its prefix itself
  Residence cache;
  bool committed = true;
  Nanoseconds waits_since_ns = 0;  ///< since when the caller waits; 0: since arrived_ns
  bool closed = false;
  Nanoseconds since_ns = 0;
  Nanoseconds arrived_ns = 0;
  int32_t computed_since = 0;                    ///< tokens computed since the last generation began
  std::shared_ptr<GenerationState> generation;   ///< running
  std::shared_ptr<GenerationState> last_answer;  ///< the last one begun, for keep_answer()
  bool said_last = false;                        ///< the last token was generated, not appended
  std::vector<float> logits;                     ///< engine thread only
  int32_t logits_at = kNone;                     ///< transcript size that they belong to
  EndQuestion question;
  bool computed_wanted = false;
  std::string failure;

  static constexpr int32_t kNone = -1;
  int32_t size() const { return transcript.size(); }
  bool logits_ready() const { return logits_at == size() && cache.computed == size(); }
  /// The transcript's size where the question that waits was asked; kNone when none waits.
  int32_t asked_at() const { return question.waits() ? transcript.index_of(question.mark) : kNone; }
  /// The logits there are in memory.
  bool logits_asked() const { return question.waits() && logits_at == asked_at(); }
};

class EngineCore : Counted<EngineCore> {
 public:
  EngineCore(std::shared_ptr<Backend> backend, const EngineSettings& settings);
  ~EngineCore();
  static int64_t live_count() noexcept { return Counted<EngineCore>::live(); }

  /// Called once, before anything else.
  void start();
  /// Any thread, any number of times.
  void stop();

 private:
  friend class Engine;
  friend class Conversation;
  friend class Generation;
  friend class Preload;
  using Lock = std::unique_lock<std::mutex>;

  /// Where one slice of a batch came from, and what it gave.
  struct Outcome {
    std::shared_ptr<CallState> call;  // one of the two
    std::shared_ptr<PrefixState> prefix;
    int32_t tokens = 0;
    int32_t end = 0;            // the sequence's length after it
    int32_t logits_index = -1;  // batch token whose logits were wanted
    int32_t draft = 0;          // guessed tokens behind it, each with logits
    std::shared_ptr<GenerationState> generation;
    uint64_t question = 0;   // the end probability asked for in this batch: its number,
    int32_t asked_at = 0;    // the sequence's length there,
    int32_t end_index = -1;  // and the batch token whose logits give it
    // After decoding:
    std::vector<Token> tokens_said;         // all but the last agree with the draft
    std::string sampling_error;             // why none follows them
    std::optional<double> end_probability;  // none: the model gave no logits
    bool logits_kept = false;
  };
  struct Work {
    std::vector<BatchToken> batch;
    std::vector<Outcome> outcomes;
  };

  // engine_core.cpp: bookkeeping, lock held.
  void require_usable(const CallState& call) const;
  void check_tokens(std::span<const Token> tokens) const;
  static void check_turns(std::span<const int32_t> turns, size_t tokens);
  int32_t cells_wanted() const;
  int32_t cells_used() const;
  int32_t usable_cells() const;
  std::shared_ptr<PrefixState> find_prefix(std::span<const Token> tokens) const;
  std::shared_ptr<PrefixState> find_or_add_prefix(Transcript::Tokens tokens);
  void require_room_for_prefix(std::span<const Token> tokens) const;
  void append(CallState& call, std::span<const Token> tokens, std::span<const int32_t> turns);
  void truncate(CallState& call, int32_t index);
  void check_question(CallState& call);
  void answer_question(CallState& call, uint64_t number, std::optional<double> probability);
  void release(CallState& call);
  void finish(CallState& call, Finish reason, std::string error = {});
  void cancel_generation(CallState& call);
  void fail(CallState& call, const std::string& why);
  void announce(uint64_t id);
  void wake();
  uint64_t next_id() { return ++last_id_; }
  Nanoseconds now() const { return clock_.now_ns(); }

  // engine_settle.cpp: engine thread, lock held.
  void settle();
  void settle_prefixes();
  void settle_call(CallState& call);
  bool evict_one();
  void drop_old_turns(CallState& call);
  void trim(Residence& cache);

  // engine_park.cpp: engine thread.
  /// Copies one prefix out of the cache or into it, if there is one to be moved; true when there was.
  bool move_prefix(Lock& lock);
  bool bring_back_one(Lock& lock);
  bool park_one(Lock& lock);
  bool make_room_for_copy(int32_t tokens);
  void leave_cache(PrefixState& prefix);

  // engine_loop.cpp: engine thread.
  void run();
  bool serve_ready(Lock& lock);
  Rank rank() const;
  bool has_cores(Lock& lock, const std::vector<Job>& jobs);
  void leave_cores();
  std::vector<Job> collect();
  void add_prefix_jobs(std::vector<Job>& jobs);
  int32_t draft_wanted(const CallState& call) const;
  Work build(const std::vector<Slice>& slices);
  void decode(Lock& lock, Work& work);

  // engine_apply.cpp: engine thread.
  void judge_end(Outcome& outcome, const float* logits);
  void choose(Outcome& outcome, const float* logits);
  void sample(Outcome& outcome, const float* logits);
  void verify(Outcome& outcome, std::span<const BatchToken> batch);
  void apply(Work& work);
  void apply_token(CallState& call, GenerationState& generation, Token token);
  void cut_at_stop(CallState& call, GenerationState& generation);
  void apply_call(CallState& call, Outcome& outcome);
  void decode_failed(Work& work, DecodeStatus status);
  void give_up(const Outcome& outcome, Finish reason, const std::string& why);
  void end_all(const std::string& why);

  const EngineSettings settings_;
  const MonotonicClock clock_;
  EventFd event_;
  std::mutex stop_mutex_;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  // Everything below is guarded by mutex_, except where it says otherwise.
  std::shared_ptr<Backend> backend_;  // used without the lock by the engine thread while a batch is out
  bool stopping_ = false;
  bool news_announced_ = false;
  bool work_wanted_ = false;
  uint64_t last_id_ = 0;
  std::unordered_set<uint64_t> news_;
  std::vector<std::shared_ptr<CallState>> calls_;
  std::vector<std::shared_ptr<PrefixState>> prefixes_;
  std::vector<SequenceId> free_call_sequences_;
  std::vector<SequenceId> free_prefix_sequences_;
  std::vector<Outcome> targets_;      ///< what the jobs of the batch being planned stand for
  std::deque<uint64_t> alone_;        ///< ids to be computed one by one: a batch with them failed
  int32_t batch_limit_;               ///< smaller than the backend's for a while after kNoRoom
  bool drafts_ = true;                ///< false once the cache could not give back a tail: drafts leave some
  CostModel costs_;                   ///< engine thread only
  std::unique_ptr<CorePlace> place_;  ///< null: cores are not asked for
  bool waits_for_core_ = false;
  int32_t cores_ = 0;  ///< that the thread has now; engine thread only
  EngineStats stats_;

  std::atomic<Nanoseconds> last_progress_ns_{0};
  std::atomic<Nanoseconds> decoding_since_ns_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace offhook::llm
