// Counts native objects that are alive, so that a test can end at zero.
//
// One relaxed addition per object made or destroyed; objects are made per call, never per frame,
// so the count stays on in every build.

#pragma once

#include <atomic>
#include <cstdint>

namespace offhook {

/// Base of a counted class: `class RingBuffer : Counted<RingBuffer>`.
template <class T>
class Counted {
 public:
  /// Objects of T alive now.  Any thread.
  static int64_t live() noexcept { return live_.load(std::memory_order_relaxed); }

 protected:
  Counted() noexcept { live_.fetch_add(1, std::memory_order_relaxed); }
  Counted(const Counted&) noexcept : Counted() {}
  Counted& operator=(const Counted&) noexcept = default;
  ~Counted() { live_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  static inline std::atomic<int64_t> live_{0};
};

}  // namespace offhook
