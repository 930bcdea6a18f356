// A model made of arithmetic: the next token is a hash of everything before it.
//
// It keeps a cache of its own, cell by cell, so that a token fed twice, at a wrong place or after a
// rollback that was not carried out changes every later token, and the test sees another text than
// expected_answer() computes from the plain history.

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "llm/backend.h"
#include "llm/text_stream.h"

namespace offhook::llm {

constexpr int32_t kFakeVocabulary = 130;
constexpr Token kFakeEnd = 129;  ///< ends a message
constexpr Token kFakeStop = '.';

/// Tokens 0 .. 126 are the ASCII characters; 127 and 128 are the two bytes of "é"; 129 ends a message.
class FakeVocabulary final : public Vocabulary {
 public:
  FakeVocabulary() {
    for (int c = 0; c < 127; ++c) pieces_.emplace_back(1, static_cast<char>(c));
    pieces_.emplace_back("\xC3");
    pieces_.emplace_back("\xA9");
    pieces_.emplace_back();
  }
  int32_t size() const noexcept override { return kFakeVocabulary; }
  bool ends_message(Token token) const noexcept override { return token == kFakeEnd; }
  std::string_view piece(Token token) const noexcept override {
    return token >= 0 && token < kFakeVocabulary ? std::string_view(pieces_[static_cast<size_t>(token)])
                                                 : std::string_view();
  }
  std::vector<Token> tokenize(std::string_view text, bool /*markup*/) const override {
    std::vector<Token> tokens;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      tokens.push_back(byte == 0xC3 ? 127 : byte == 0xA9 ? 128 : static_cast<Token>(byte & 0x7F));
    }
    return tokens;
  }
  std::span<const Token> sentence_ends() const noexcept override { return ends_; }

 private:
  std::vector<std::string> pieces_;
  std::vector<Token> ends_{'.', '?', '!', kFakeEnd};
};

/// Likelihoods after a history: one token stands out.
inline Token fake_next(const std::vector<Token>& history) {
  uint64_t hash = 1469598103934665603ULL;
  for (const Token token : history) hash = (hash ^ static_cast<uint64_t>(token)) * 1099511628211ULL;
  hash ^= hash >> 33;
  if (!history.empty() && history.back() == 127) return 128;  // a character is always finished
  if (hash % 23 == 0) return kFakeEnd;
  return static_cast<Token>(hash % 128);
}

class FakeSampler final : public Sampler {
 public:
  Token sample(const float* logits, int32_t n_vocab) override { return likeliest(logits, n_vocab); }
};

class FakeBackend final : public Backend {
 public:
  struct Shape {
    int32_t cells = 4096;
    int32_t sequences = 32;
    int32_t batch_tokens = 256;
    bool can_shift = true;
    int32_t logit_rows = 1024;
    bool can_remove_part = true;
  };
  explicit FakeBackend(const Shape& shape)
      : shape_(shape), sequences_(static_cast<size_t>(shape.sequences)) {}

  const Vocabulary& vocabulary() const noexcept override { return vocabulary_; }
  int32_t cells() const noexcept override { return shape_.cells; }
  int32_t max_batch_tokens() const noexcept override { return shape_.batch_tokens; }
  int32_t max_sequences() const noexcept override { return shape_.sequences; }
  int32_t max_logit_rows() const noexcept override { return shape_.logit_rows; }
  bool can_shift() const noexcept override { return shape_.can_shift; }

  DecodeStatus decode(std::span<const BatchToken> batch) override {
    if (before_decode) before_decode(batch);
    rows_.clear();
    if (aborted_) return DecodeStatus::kAborted;
    if (batch.empty() || batch.size() > static_cast<size_t>(shape_.batch_tokens)) return misuse("batch size");
    if (fail_if && fail_if(batch)) {
      for (const BatchToken& entry : batch) {
        if (entry.position % 2 == 0)
          sequences_[static_cast<size_t>(entry.sequence)].clear();  // parts are lost
      }
      return DecodeStatus::kFailed;
    }
    if (*live_cells_ + static_cast<int32_t>(batch.size()) > shape_.cells) return DecodeStatus::kNoRoom;
    rows_.resize(batch.size());
    int32_t wanted = 0;
    for (const BatchToken& entry : batch) wanted += entry.logits ? 1 : 0;
    if (wanted > shape_.logit_rows) return misuse("more rows of logits than there are");
    for (size_t i = 0; i < batch.size(); ++i) {
      const BatchToken& entry = batch[i];
      if (entry.sequence < 0 || entry.sequence >= shape_.sequences) return misuse("sequence out of range");
      if (entry.token < 0 || entry.token >= kFakeVocabulary) return misuse("token out of range");
      auto& sequence = sequences_[static_cast<size_t>(entry.sequence)];
      if (entry.position != static_cast<int32_t>(sequence.size())) return misuse("position out of order");
      sequence.push_back(make_cell(entry.token));
      ++tokens_computed;
      if (entry.logits) rows_[i] = row_for(sequence);
    }
    ++batches;
    largest_batch = std::max(largest_batch.load(), static_cast<int32_t>(batch.size()));
    return DecodeStatus::kOk;
  }

  const float* logits(int32_t index) override {
    if (index < 0 || static_cast<size_t>(index) >= rows_.size()) return nullptr;
    const auto& row = rows_[static_cast<size_t>(index)];
    return row.empty() ? nullptr : row.data();
  }

  bool remove(SequenceId sequence, int32_t from) override {
    auto& cells = sequences_[static_cast<size_t>(sequence)];
    if (from > 0 && !shape_.can_remove_part) return false;
    if (from < static_cast<int32_t>(cells.size())) cells.resize(static_cast<size_t>(from));
    return true;
  }
  bool cut(SequenceId sequence, int32_t from, int32_t to) override {
    auto& cells = sequences_[static_cast<size_t>(sequence)];
    if (from < 0 || from >= to || to > static_cast<int32_t>(cells.size())) {
      misuse("cut out of range");
      return false;
    }
    for (size_t i = static_cast<size_t>(from); i < cells.size(); ++i) {
      if (cells[i].use_count() > 1) misuse("shared cells must not move");
    }
    cells.erase(cells.begin() + from, cells.begin() + to);
    ++cuts;
    return true;
  }
  void share(SequenceId source, SequenceId target, int32_t count) override {
    const auto& from = sequences_[static_cast<size_t>(source)];
    auto& to = sequences_[static_cast<size_t>(target)];
    if (!to.empty() || count > static_cast<int32_t>(from.size())) {
      misuse("share into a sequence that is not empty, or of more than there is");
      return;
    }
    to.assign(from.begin(), from.begin() + count);
    ++shares;
  }
  std::vector<uint8_t> save(SequenceId sequence) override {
    std::vector<uint8_t> copy;
    for (const Cell& cell : sequences_[static_cast<size_t>(sequence)]) {
      copy.push_back(static_cast<uint8_t>(*cell));
    }
    ++saves;
    if (between_copies) between_copies();
    return copy;
  }
  bool restore(SequenceId sequence, std::span<const uint8_t> copy) override {
    auto& cells = sequences_[static_cast<size_t>(sequence)];
    if (!cells.empty()) {
      misuse("restore into a sequence that is not empty");
      return false;
    }
    if (*live_cells_ + static_cast<int32_t>(copy.size()) > shape_.cells || refuse_restores) return false;
    for (const uint8_t token : copy) cells.push_back(make_cell(token));
    if (between_copies) between_copies();
    return true;
  }
  int32_t threads_for(int32_t tokens) const noexcept override { return tokens > 1 ? 4 : 1; }
  void use_cores(int32_t cores) override { cores_used = cores; }
  void request_abort() noexcept override { aborted_ = true; }
  std::unique_ptr<Sampler> make_sampler(const SamplingOptions& options) const override {
    options.validate();
    return std::make_unique<FakeSampler>();
  }

  /// Nothing in any sequence: what a closed engine must leave.
  int32_t live_cells() const { return *live_cells_; }
  std::string first_misuse() const {
    const std::lock_guard lock(misuse_mutex_);
    return misuse_;
  }

  std::function<void(std::span<const BatchToken>)> before_decode;  ///< set before the engine starts
  std::function<bool(std::span<const BatchToken>)> fail_if;        ///< the same
  std::function<void()> between_copies;                            ///< the same
  std::atomic<bool> refuse_restores{false};
  std::atomic<int32_t> saves{0};
  std::atomic<int64_t> tokens_computed{0};
  std::atomic<int64_t> batches{0};
  std::atomic<int32_t> largest_batch{0};
  std::atomic<int32_t> cuts{0};
  std::atomic<int32_t> shares{0};
  std::atomic<int32_t> cores_used{0};  ///< by the batch computed last; 0: nobody was asked for any

 private:
  using Cell = std::shared_ptr<Token>;

  Cell make_cell(Token token) {
    auto live = live_cells_;
    ++*live;
    return {new Token(token), [live](Token* cell) {
              delete cell;
              --*live;
            }};
  }
  std::vector<float> row_for(const std::vector<Cell>& sequence) const {
    std::vector<Token> history;
    for (const Cell& cell : sequence) history.push_back(*cell);
    std::vector<float> row(kFakeVocabulary, 0.0F);
    row[static_cast<size_t>(fake_next(history))] = 10.0F;
    return row;
  }
  DecodeStatus misuse(const char* what) {
    const std::lock_guard lock(misuse_mutex_);
    if (misuse_.empty()) misuse_ = what;
    return DecodeStatus::kInvalid;
  }

  const Shape shape_;
  FakeVocabulary vocabulary_;
  std::shared_ptr<std::atomic<int32_t>> live_cells_ = std::make_shared<std::atomic<int32_t>>(0);
  std::vector<std::vector<Cell>> sequences_;
  std::vector<std::vector<float>> rows_;
  std::atomic<bool> aborted_{false};
  mutable std::mutex misuse_mutex_;
  std::string misuse_;
};

inline std::vector<Token> tokens_of(std::string_view text) {
  return FakeVocabulary().tokenize(text, false);
}

/// The text that the fake model writes after `history`, as the engine has to deliver it.
inline std::string expected_answer(std::vector<Token> history, int32_t max_tokens,
                                   int32_t* generated = nullptr) {
  const FakeVocabulary vocabulary;
  Utf8Joiner joiner;
  std::string text;
  int32_t count = 0;
  while (count < max_tokens) {
    const Token token = fake_next(history);
    if (token == kFakeEnd) break;
    history.push_back(token);
    ++count;
    text += joiner.push(vocabulary.piece(token));
  }
  if (generated) *generated = count;
  return text + joiner.finish();
}

}  // namespace offhook::llm
