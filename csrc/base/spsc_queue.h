// A bounded queue between one producing and one consuming thread.

#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace offhook {

/// Single-producer, single-consumer queue of small plain values.
///
/// push() belongs to one thread, pop() to one other.  Neither blocks, allocates or throws; a full
/// queue refuses, and what then happens is the producer's decision.  The producer owns tail_, the
/// consumer owns head_; each reads the other's with acquire and publishes its own with release.
template <class T>
class SpscQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// Allocates.  Holds at least min_capacity values (rounded up to a power of two).
  explicit SpscQueue(size_t min_capacity)
      : mask_(std::bit_ceil(min_capacity < 2 ? size_t{2} : min_capacity) - 1),
        values_(std::make_unique<T[]>(mask_ + 1)) {}

  size_t capacity() const noexcept { return mask_ + 1; }

  /// Producer only.  False when full; the value is then not in the queue.
  bool push(const T& value) noexcept {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
    values_[tail & mask_] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Consumer only.  False when empty; *value is then untouched.
  bool pop(T* value) noexcept {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    *value = values_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  const size_t mask_;
  const std::unique_ptr<T[]> values_;
  alignas(64) std::atomic<size_t> head_{0};
  alignas(64) std::atomic<size_t> tail_{0};
};

}  // namespace offhook
