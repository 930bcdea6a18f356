#include "base/cores.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "base/clock.h"

namespace offhook {

Cores::Cores(int32_t count) : count_(count) {
  if (count < 1 || count > 4096) throw std::invalid_argument("there are 1 to 4096 cores");
}

Cores::Stats Cores::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.running = running_;
  stats.waiting = static_cast<int32_t>(waiting_.size());
  return stats;
}

bool Cores::allowed(const CorePlace& place) const {
  return running_ < count_ && (place.rank_.urgency < Rank::kAhead || running_ahead_ < spared());
}

void Cores::grant() {
  while (!waiting_.empty()) {
    // min_element() takes the first of equals: who came first.
    const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                        [](const auto* a, const auto* b) { return a->rank_ < b->rank_; });
    CorePlace& place = **first;
    if (!allowed(place)) return;
    waiting_.erase(first);
    const int32_t urgency = place.rank_.urgency;
    int32_t most = std::min(place.most_, count_ - running_);
    if (urgency > Rank::kCommitted) most = std::min(most, spared());
    if (urgency >= Rank::kAhead) most = std::min(most, spared() - running_ahead_);
    // Who waits with as good a reason gets a core before this one gets a second.
    const auto alike = std::count_if(waiting_.begin(), waiting_.end(),
                                     [&](const auto* other) { return other->rank_.urgency <= urgency; });
    place.has_ = std::max(1, most - static_cast<int32_t>(alike));
    place.waits_ = false;
    running_ += place.has_;
    if (urgency >= Rank::kAhead) running_ahead_ += place.has_;
    ++stats_.entered;
    stats_.most = std::max(stats_.most, running_);
    place.given_.notify_one();
  }
}

CorePlace::CorePlace(std::shared_ptr<Cores> cores) : cores_(std::move(cores)) {
  if (!cores_) throw std::invalid_argument("a place needs cores");
}

CorePlace::~CorePlace() {
  leave();
}

void CorePlace::give_back() {
  if (has_ == 0) return;
  cores_->running_ -= has_;
  if (rank_.urgency >= Rank::kAhead) cores_->running_ahead_ -= has_;
  has_ = 0;
}

int32_t CorePlace::enter(int32_t most, int64_t limit_ns) {
  std::unique_lock lock(cores_->mutex_);
  give_back();
  most_ = std::max(1, most);
  waits_ = true;
  cores_->waiting_.push_back(this);
  cores_->grant();
  if (!waits_) return has_;
  const MonotonicClock clock;
  const int64_t began_ns = clock.now_ns();
  given_.wait_for(lock, std::chrono::nanoseconds(limit_ns), [this] { return !waits_; });
  if (waits_) {
    waits_ = false;
    std::erase(cores_->waiting_, this);
    return 0;
  }
  ++cores_->stats_.waited;
  cores_->stats_.waited_ns += clock.now_ns() - began_ns;
  return has_;
}

void CorePlace::leave() {
  const std::lock_guard lock(cores_->mutex_);
  give_back();
  cores_->grant();
}

void CorePlace::urge(Rank rank) {
  const std::lock_guard lock(cores_->mutex_);
  if (has_ > 0) {
    if (rank_.urgency >= Rank::kAhead) cores_->running_ahead_ -= has_;
    if (rank.urgency >= Rank::kAhead) cores_->running_ahead_ += has_;
  }
  rank_ = rank;
  cores_->grant();
}

bool CorePlace::wanted() const {
  const std::lock_guard lock(cores_->mutex_);
  return std::any_of(cores_->waiting_.begin(), cores_->waiting_.end(),
                     [this](const auto* other) { return other->rank_.urgency < rank_.urgency; });
}

int32_t CorePlace::cores() const {
  const std::lock_guard lock(cores_->mutex_);
  return has_;
}

}  // namespace offhook
