#include "llm/transcript.h"

#include <algorithm>
#include <cassert>

namespace offhook::llm {

Transcript::Transcript(Tokens prefix) : prefix_(std::move(prefix)) {
  assert(prefix_);
}

Token Transcript::at(int32_t i) const {
  assert(i >= 0 && i < size());
  const int32_t in_dialogue = i - prefix_size();
  return in_dialogue < 0 ? (*prefix_)[static_cast<size_t>(i)] : dialogue_[static_cast<size_t>(in_dialogue)];
}

void Transcript::append(std::span<const Token> tokens, std::span<const int32_t> turns) {
  for (const int32_t offset : turns) {
    assert(offset >= 0 && offset < static_cast<int32_t>(tokens.size()));
    turns_.push_back(size() + offset);
  }
  dialogue_.insert(dialogue_.end(), tokens.begin(), tokens.end());
}

Mark Transcript::mark() const {
  return {dropped_ + size(), serial_};
}

bool Transcript::valid(const Mark& mark) const {
  if (mark.position == prefix_size()) return true;
  if (mark.serial > serial_ || mark.position < prefix_size() + dropped_) return false;
  if (mark.position > dropped_ + size()) return false;
  const auto later = std::upper_bound(rollbacks_.begin(), rollbacks_.end(), mark.serial,
                                      [](uint64_t serial, const Rollback& r) { return serial < r.serial; });
  return later == rollbacks_.end() || later->position >= mark.position;
}

int32_t Transcript::index_of(const Mark& mark) const {
  assert(valid(mark));
  if (mark.position <= prefix_size()) return prefix_size();
  return static_cast<int32_t>(mark.position - dropped_);
}

void Transcript::truncate(int32_t index) {
  assert(index >= prefix_size() && index <= size());
  if (index == size()) return;
  dialogue_.resize(static_cast<size_t>(index - prefix_size()));
  while (!turns_.empty() && turns_.back() >= index) turns_.pop_back();
  const int64_t position = dropped_ + index;
  while (!rollbacks_.empty() && rollbacks_.back().position >= position) rollbacks_.pop_back();
  rollbacks_.push_back({++serial_, position});
}

int32_t Transcript::plan_drop(int32_t limit, int32_t more, std::span<const int32_t> turns) const {
  if (size() + more <= limit) return 0;
  const int32_t needed = size() + more - limit;
  const int32_t slack = std::max(0, (limit - prefix_size()) / 4);
  int32_t fallback = 0;
  const auto consider = [&](int32_t boundary) {
    const int32_t freed = boundary - prefix_size();
    if (freed < needed) return false;
    fallback = freed;  // boundaries ascend: the last one is the most that can be freed
    return freed >= needed + slack;
  };
  for (const int32_t boundary : turns_) {
    if (consider(boundary)) return boundary - prefix_size();
  }
  for (const int32_t offset : turns) {
    if (consider(size() + offset)) return size() + offset - prefix_size();
  }
  return fallback;
}

void Transcript::drop(int32_t count) {
  assert(count >= 0 && count <= static_cast<int32_t>(dialogue_.size()));
  dialogue_.erase(dialogue_.begin(), dialogue_.begin() + count);
  dropped_ += count;
  const int32_t end = prefix_size() + count;
  std::erase_if(turns_, [&](int32_t turn) { return turn < end; });
  for (int32_t& turn : turns_) turn -= count;
}

}  // namespace offhook::llm
