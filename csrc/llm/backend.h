// What the engine needs of a model that runs: small enough that a test can stand in for it.
//
// LlamaBackend is the real one; tests/native/llm/fake_backend.h keeps a cache of its own and notices
// every token that the engine feeds wrongly.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/engine_error.h"
#include "llm/sampling.h"
#include "llm/token.h"

namespace offhook::llm {

/// The model's words.  Immutable and safe from every thread.
class Vocabulary {
 public:
  virtual ~Vocabulary() = default;
  virtual int32_t size() const noexcept = 0;
  /// True for tokens that end a message.
  virtual bool ends_message(Token token) const noexcept = 0;
  /// Text of a token, perhaps a part of a character; empty for control tokens and tokens out of range.
  virtual std::string_view piece(Token token) const noexcept = 0;
  /// Tokens of `text`.  With `markup` false, the model's control tokens are ordinary characters.
  /// Throws EngineError(kInvalid) for text that is too long.
  virtual std::vector<Token> tokenize(std::string_view text, bool markup) const = 0;
  /// Tokens that say that a sentence ends before them: `.`, `?`, `!` (but no ellipsis), a closing quote, and
  /// those that end a message.
  virtual std::span<const Token> sentence_ends() const noexcept = 0;
};

/// One token of a batch.
struct BatchToken {
  Token token = 0;
  int32_t position = 0;
  SequenceId sequence = 0;
  bool logits = false;  ///< the probabilities after this token are wanted
};

enum class DecodeStatus {
  kOk,
  kNoRoom,   ///< nothing was computed: the cache has no place for the batch
  kAborted,  ///< request_abort() came in between; parts of the batch may be in the cache
  kInvalid,  ///< the batch was refused before the library saw it; nothing was computed
  kFailed,   ///< the library failed; parts of the batch may be in the cache
};

/// A model with its cache.  One thread at a time, except where noted.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Vocabulary& vocabulary() const noexcept = 0;
  virtual int32_t cells() const noexcept = 0;  ///< tokens that the cache holds, all sequences together
  virtual int32_t max_batch_tokens() const noexcept = 0;
  virtual int32_t max_sequences() const noexcept = 0;
  /// Tokens of one batch that may ask for logits; max_sequences() or more.
  virtual int32_t max_logit_rows() const noexcept = 0;
  virtual bool can_shift() const noexcept = 0;

  /// Computes a batch.  Blocks for milliseconds to seconds.  Tokens of one sequence are in order and go
  /// on where that sequence ends; anything else gives kInvalid.
  virtual DecodeStatus decode(std::span<const BatchToken> batch) = 0;

  /// Logits (vocabulary().size() floats) after batch token `index` of the last decode() that gave kOk,
  /// which must have asked for them; null otherwise.  Valid until the next call of decode().
  virtual const float* logits(int32_t index) = 0;

  /// Forgets positions [from, end) of a sequence; from 0 all of it.  Returns false when the cache
  /// cannot (the caller then forgets the whole sequence).
  virtual bool remove(SequenceId sequence, int32_t from) = 0;
  /// Forgets positions [from, to) and moves what follows to the front by to - from.  Needs can_shift().
  virtual bool cut(SequenceId sequence, int32_t from, int32_t to) = 0;
  /// Lets `target`, which is empty, share positions [0, count) of `source`.  Costs microseconds.
  virtual void share(SequenceId source, SequenceId target, int32_t count) = 0;
  /// A copy of all that the cache has of a sequence, in ordinary memory; empty when there is none to be had.
  /// Blocks for the copying: milliseconds for 10 MB.
  virtual std::vector<uint8_t> save(SequenceId /*sequence*/) { return {}; }
  /// Puts such a copy, made by this backend, into a sequence that is empty, to the bit as it was.  False:
  /// there is no room for it, and the sequence is empty as before.
  virtual bool restore(SequenceId /*sequence*/, std::span<const uint8_t> /*copy*/) { return false; }

  /// Threads that compute a batch of so many tokens, if there are cores for all of them.
  virtual int32_t threads_for(int32_t /*tokens*/) const noexcept { return 1; }
  /// The next batches are computed by so many threads at most, >= 1.
  virtual void use_cores(int32_t /*cores*/) {}

  /// Any thread: makes decode() return kAborted soon, now and ever after.
  virtual void request_abort() noexcept = 0;

  /// A sampler for one generation; any thread.  Throws EngineError(kInvalid) for bad options or a bad
  /// grammar.
  virtual std::unique_ptr<Sampler> make_sampler(const SamplingOptions& options) const = 0;
};

}  // namespace offhook::llm
