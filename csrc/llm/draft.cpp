#include "llm/draft.h"

#include <algorithm>
#include <utility>

namespace offhook::llm {

namespace {
constexpr std::ptrdiff_t kTellingBytes = 4;
}

Draft::Draft(std::vector<Token> tokens, std::vector<bool> telling, std::optional<Token> end)
    : tokens_(std::move(tokens)), telling_(std::move(telling)) {
  telling_.resize(tokens_.size());
  if (end && !tokens_.empty()) tokens_.insert(tokens_.end(), kFill, *end);
}

std::span<const Token> Draft::next(int32_t more) const {
  if (!at_) return {};
  const auto rest = std::span(tokens_).subspan(*at_);
  const size_t guessed = std::min(telling_.size() - *at_, static_cast<size_t>(step_));
  if (guessed == 0) return {};
  return rest.first(std::min(rest.size(), guessed + static_cast<size_t>(more)));
}

void Draft::follow(Token said) {
  if (tokens_.empty()) return;
  if (at_ && tokens_[*at_] == said) {
    proven_ = true;
    before_ = said;
    if (++*at_ == telling_.size()) drop();
    return;
  }
  const bool just_left = at_ && proven_;
  if (just_left) {
    left_at_ = *at_;
  } else if (at_ && ++misses_ >= kMostMisses) {
    return drop();
  }
  at_ = find(said, just_left);
  proven_ = false;
  before_ = said;
  step_ = DraftSteps::kFound;
}

std::optional<size_t> Draft::find(Token said, bool just_left) const {
  const size_t end = std::min(left_at_ + kAhead, telling_.size() - 1);  // something has to follow
  for (size_t i = std::max<size_t>(left_at_, 1); i < end; ++i) {
    if (tokens_[i] == said && before_ && tokens_[i - 1] == *before_) return i + 1;
  }
  for (size_t i = left_at_; i < end; ++i) {
    if (tokens_[i] == said && telling_[i]) return i + 1;
  }
  if (just_left && left_at_ < end) return left_at_ + 1;
  return std::nullopt;
}

void Draft::grow() {
  step_ = std::min(2 * step_ + 1, DraftSteps::kMost);
}

void Draft::drop() {
  tokens_.clear();
  telling_.clear();
  at_.reset();
}

bool is_telling(std::string_view piece) {
  return std::count_if(piece.begin(), piece.end(), [](char c) { return c != ' '; }) >= kTellingBytes;
}

}  // namespace offhook::llm
