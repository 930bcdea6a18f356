// Many calls, one model: the engine that batches them, on a thread of its own.
//
// Threads: every method may be called from any thread.  None waits for a computation: they take the
// engine's lock, which is held for microseconds, change what is wanted, and return.  The engine thread
// never takes a lock of Python's; it announces news by making event_fd() readable, and poll() says whose.
//
// Life: an Engine owns its thread.  stop() (or the destructor) aborts the batch that is being computed,
// ends every generation with kFailed and joins.  Handles may outlive the engine; their methods then
// throw EngineError(kModel).

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cores.h"
#include "llm/backend.h"
#include "llm/sampling.h"
#include "llm/scheduler.h"
#include "llm/token.h"
#include "llm/transcript.h"

namespace offhook::llm {

class EngineCore;
struct CallState;
struct GenerationState;
struct PreloadState;

struct EngineSettings {
  int32_t calls = 8;           ///< conversations at once
  int32_t prefixes = 16;       ///< prefixes in the cache at once
  int32_t call_tokens = 2048;  ///< share of one call: prefix, dialogue and answer together
  /// Tokens of prefixes without a call that are kept in ordinary memory instead of the cache, where they
  /// would slow everybody down; each is as large as a cell.  0: they lie in the cache until their place is
  /// needed.
  int32_t parked_tokens = 0;
  int32_t queue_pieces = 256;  ///< pieces of text that wait to be taken; then the generation pauses
  SchedulerSettings scheduler;
  /// Asked before each batch whether it may be computed, and by how many threads; null: nobody is asked.
  std::shared_ptr<Cores> cores;
  /// What is known about speed beforehand (from tuning); 0 means unknown.
  Nanoseconds decode_ns = 0;         ///< one token for one call
  Nanoseconds prefill_token_ns = 0;  ///< one token of a batch of prefill_tokens
  int32_t prefill_tokens = 0;
};

/// Why a generation ended.
enum class Finish : uint8_t {
  kNone,       ///< it has not
  kEnd,        ///< the model ended its message
  kStop,       ///< a stop string
  kLength,     ///< max_tokens
  kContext,    ///< the call's share or the cache is full
  kCancelled,  ///< cancel(), or another operation on the conversation
  kFailed,     ///< the model failed; the error says how
};

/// The longest guess that is kept of generate()'s draft.
constexpr int32_t kDraftTokens = 192;

struct GenerationOptions {
  int32_t max_tokens = 96;
  std::vector<std::string> stop;  ///< at most 16, each at most 256 bytes
  SamplingOptions sampling;
  /// A guess of how the answer begins.  It changes no answer: its tokens are computed together with the last
  /// pending one, and those that the sampler chooses anyway cost no batch of their own.  An answer that
  /// leaves the draft may find back to it (see draft.h); what lies beyond kDraftTokens is dropped.
  std::vector<Token> draft;
};

struct GenerationStats {
  int32_t prompt_tokens_reused = 0;    ///< ready before, of the tokens the answer is based on
  int32_t prompt_tokens_computed = 0;  ///< computed since the last generation of this conversation
  int32_t generated_tokens = 0;
  int32_t decodes = 0;          ///< batches that held a token of this generation
  int32_t drafted_tokens = 0;   ///< guessed tokens computed
  int32_t accepted_tokens = 0;  ///< of these, the ones that were said; part of generated_tokens
  Nanoseconds submitted_ns = 0;
  Nanoseconds first_token_ns = 0;  ///< 0: there was none yet
};

/// An answer being written.
class Generation {
 public:
  struct Taken {
    std::string text;  ///< valid UTF-8, everything new since the last take()
    Finish finish = Finish::kNone;
    std::string error;  ///< for kFailed
  };

  uint64_t id() const noexcept;
  /// What is new.  Once `finish` is set there will never be more.
  Taken take();
  /// Ends the generation before its next token.  Any number of times.
  void cancel();
  GenerationStats stats() const;

 private:
  friend class Conversation;
  Generation(std::shared_ptr<EngineCore> core, std::shared_ptr<GenerationState> state);
  std::shared_ptr<EngineCore> core_;
  std::shared_ptr<GenerationState> state_;
};

/// What became of a question for an end probability.
struct EndAnswer {
  enum class State : uint8_t {
    kWaiting,  ///< its text is not computed yet
    kGiven,
    kGone,  ///< the text was rolled back, or dropped with its turn, before; or another question was asked
            ///< since
  };
  State state = State::kWaiting;
  double probability = 0;
};

/// One call's text inside the model.  The destructor closes it.
///
/// append(), mark(), rollback() and keep_answer() cancel a generation that is running.
class Conversation {
 public:
  struct State {
    int32_t tokens = 0;    ///< in the conversation now
    int32_t computed = 0;  ///< of these, ready in the cache
    int64_t dropped = 0;   ///< tokens of old turns given up to stay within the share
    std::string failure;   ///< empty, or why nothing more can be done with the conversation
  };

  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  uint64_t id() const noexcept;
  int32_t tokens_limit() const noexcept;

  /// Adds tokens at the end; they are computed from now on, without being waited for.
  /// `turns`: offsets among them at which a turn of the caller's begins, ascending; only whole turns are
  /// ever dropped.  Throws kModel, and changes nothing, when they do not fit even with every older turn
  /// dropped, or when the cache that all calls share is full; kInvalid for a token the model does not
  /// have or an offset that is none.
  void append(std::span<const Token> tokens, std::span<const int32_t> turns = {});

  Mark start() const;
  Mark mark();
  /// Throws kInvalid for a mark that an earlier rollback, or the dropping of its turn, has undone.
  void rollback(const Mark& mark);

  /// Begins an answer.  Throws kInvalid for bad options, for a draft with tokens that the model does not
  /// have, and when there is nothing to answer.
  std::unique_ptr<Generation> generate(const GenerationOptions& options);

  /// Cuts the last answer after its first `bytes` bytes of text: what was heard.  What came after the
  /// answer goes too.  Throws kInvalid when there is no answer, or it was rolled back.
  void keep_answer(size_t bytes);

  /// Asks for the probability that the message ends here (Vocabulary::sentence_ends()): from the logits
  /// at the present end, computed already or as soon as the text is.  What is appended or generated
  /// afterwards changes nothing about it, and may be computed in the same batch.  Gives the question's
  /// number; asked twice at the same place, it is the same question.  News of id() when end_answer() changes.
  uint64_t ask_end_probability();
  /// Only the last question can be kGiven; before the first one, and for numbers that are none, kGone.
  /// Throws kModel when the conversation is closed or has failed and the answer was not there before.
  EndAnswer end_answer(uint64_t question) const;
  /// Asks for news of id() when everything appended so far is computed.
  void ask_computed();

  State state() const;
  /// Speculative work (false) yields to committed work.  A new conversation is committed.  `since_ns`: since
  /// when the caller waits, on the monotonic clock; 0: since the text came.
  void set_committed(bool committed, Nanoseconds since_ns = 0);
  /// Gives the place back.  Any number of times.
  void close();

 private:
  friend class Engine;
  Conversation(std::shared_ptr<EngineCore> core, std::shared_ptr<CallState> state);
  std::shared_ptr<EngineCore> core_;
  std::shared_ptr<CallState> state_;
};

/// A prefix being computed before any call needs it.
class Preload {
 public:
  uint64_t id() const noexcept;
  /// True when the prefix is in the cache; throws kModel when it could not be computed.
  bool done() const;

 private:
  friend class Engine;
  Preload(std::shared_ptr<EngineCore> core, std::shared_ptr<PreloadState> state);
  std::shared_ptr<EngineCore> core_;
  std::shared_ptr<PreloadState> state_;
};

/// Whether the engine thread lives.  Read without its lock: true even when a batch hangs.
struct Health {
  Nanoseconds last_progress_ns = 0;   ///< when the thread last finished a batch or found nothing to do
  Nanoseconds decoding_since_ns = 0;  ///< when the batch being computed began; 0: none is
  bool stopped = false;
};

struct EngineStats {
  int32_t calls = 0;     ///< open conversations
  int32_t prefixes = 0;  ///< prefixes computed or being computed
  int32_t cells = 0;     ///< the cache's size [tokens]
  int32_t cells_used = 0;
  uint64_t batches = 0;
  uint64_t batch_tokens = 0;  ///< tokens computed in them
  uint64_t generated_tokens = 0;
  uint64_t drafted_tokens = 0;
  uint64_t accepted_tokens = 0;
  uint64_t prefix_hits = 0;  ///< conversations whose prefix was ready or on its way
  uint64_t prefix_misses = 0;
  uint64_t prefix_evictions = 0;
  uint64_t prefix_restores = 0;  ///< brought back into the cache without being computed
  uint64_t dropped_tokens = 0;
  uint64_t failures = 0;        ///< batches that the library refused or failed
  Nanoseconds decoding_ns = 0;  ///< spent inside the library
};

class Engine {
 public:
  /// Starts the thread.  Throws kInvalid when the settings do not fit the backend.
  Engine(std::shared_ptr<Backend> backend, const EngineSettings& settings);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Readable when poll() has something to say.
  int event_fd() const noexcept;
  /// Ids of the conversations, generations and preloads that have news, each once.
  std::vector<uint64_t> poll();

  /// Opens a conversation.  Conversations with equal prefixes share its computation.
  /// Throws kBusy when no place or too little of the cache is free, kModel when the prefix leaves
  /// a call no room to talk, kInvalid for a token the model does not have.
  std::unique_ptr<Conversation> open(std::vector<Token> prefix, bool committed = true);

  /// Computes a prefix now; done at once where every place for prefixes is in use, as calls with it then
  /// compute it for themselves.  Throws as open() does.
  std::unique_ptr<Preload> preload(std::vector<Token> prefix);

  /// Makes the thread look, soon, even when nothing is to do: health().last_progress_ns then moves, if the
  /// thread does and no batch is out.
  void wake();
  Health health() const noexcept;
  EngineStats stats() const;
  /// Blocks until the thread has ended: at most the rest of one layer's computation on a CPU.
  void stop();

 private:
  std::shared_ptr<EngineCore> core_;
};

/// Objects of this room that are alive.
struct LiveObjects {
  int64_t engines = 0;
  int64_t conversations = 0;
  int64_t generations = 0;
  int64_t prefixes = 0;
};
LiveObjects live_objects() noexcept;

}  // namespace offhook::llm
