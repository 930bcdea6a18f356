// Where the media thread gets the time from; tests bring their own.

#pragma once

#include <cstdint>
#include <ctime>

namespace offhook {

/// A monotonic clock. [ns]
class Clock {
 public:
  virtual ~Clock() = default;
  /// Any thread; never blocks, never goes back.
  virtual int64_t now_ns() const noexcept = 0;
};

/// CLOCK_MONOTONIC: the clock of Python's time.monotonic_ns() and of asyncio.
class MonotonicClock final : public Clock {
 public:
  int64_t now_ns() const noexcept override {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace offhook
