// A ring of int16 samples that always takes more, and tells a late reader what it missed.

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "base/live_objects.h"

namespace offhook {

/// The last seconds of one stream, addressed by absolute sample position.
///
/// Position 0 is the first sample ever written; positions only grow (64 bits: 36 million years of
/// 8 kHz audio).  The sample at position p lies at index p & mask, so capacity is a power of two.
///
/// The reader addresses by position, and does not peek and consume, because an utterance is read
/// from the past: from 200 ms before its onset (the pre-roll, known only afterwards), twice or more
/// (once per revision of the answer), and never as "what came since last time".  So the ring has no
/// tail; it keeps the newest capacity() samples whether they were read or not, until the writer says that
/// nobody will want the older ones (forget_before()), and their memory goes back to the system.
///
/// Threads.  One writer calls write(): the media thread.  It never waits for anybody and overwrites
/// the oldest samples.  read(), written(), oldest() and overrun_samples() may be called by any thread at
/// any time, the writer included.  Nothing here blocks or throws, and only the constructor allocates.
///
/// How a reader knows that what it copied is sound: the writer announces in claimed_ how far it is
/// about to write *before* touching a sample, and publishes in written_ *after*.  The reader copies,
/// then looks at claimed_ again; whatever the writer may have been overwriting meanwhile is dropped from
/// the front of the copy and counted.  Samples are stored with release and loaded with acquire, so
/// a reader that saw even one new sample is sure to see the claim that preceded it.  No sample is ever
/// accessed non-atomically by two threads, so there is no data race, in theory or for TSan.
class RingBuffer : Counted<RingBuffer> {
 public:
  using Counted<RingBuffer>::live;

  /// What a read found: count samples, the first of them at position start.
  struct Span {
    int64_t start;
    size_t count;
  };

  /// Allocates.  Capacity is min_samples rounded up to a power of two, at least 2.
  /// The pages come zeroed and untouched: a short call never pays for all of them.
  /// Throws std::bad_alloc.
  explicit RingBuffer(size_t min_samples) : capacity_(std::bit_ceil(std::max<size_t>(min_samples, 2))) {
    // Pages of its own, so that some of them can be given back.
    void* pages = ::mmap(nullptr, capacity_ * sizeof(int16_t), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    samples_ = static_cast<int16_t*>(pages);
  }
  ~RingBuffer() { ::munmap(samples_, capacity_ * sizeof(int16_t)); }
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;

  size_t capacity() const noexcept { return capacity_; }

  /// Writer only.  Appends count samples.  More than capacity() is allowed: all of it counts in
  /// positions, the newest capacity() samples stay.
  void write(const int16_t* samples, size_t count) noexcept {
    const int64_t begin = written_.load(std::memory_order_relaxed);
    const int64_t end = begin + static_cast<int64_t>(count);
    claimed_.store(end, std::memory_order_relaxed);
    const size_t skip = count > capacity_ ? count - capacity_ : 0;
    for (size_t i = skip; i < count; ++i) {
      std::atomic_ref(samples_[index(begin + static_cast<int64_t>(i))])
          .store(samples[i], std::memory_order_release);
    }
    written_.store(end, std::memory_order_release);
  }

  /// Writer only.  Readers find what lies before position overwritten from now on, as far as it fills whole
  /// steps of kForgetSamples; the pages below go back to the system, with one call for each step.
  void forget_before(int64_t position) noexcept {
    const int64_t until =
        std::min(position, written_.load(std::memory_order_relaxed)) / kForgetSamples * kForgetSamples;
    if (until <= forgotten_.load(std::memory_order_relaxed) || capacity_ < 2 * kForgetSamples) return;
    const int64_t from = std::max(forgotten_.load(std::memory_order_relaxed), oldest());
    // Whoever reads the zeros of a page that has gone sees this position, too.
    forgotten_.store(until, std::memory_order_seq_cst);
    // The step that is half overwritten by now is left alone.
    const int64_t whole = (from + kForgetSamples - 1) / kForgetSamples * kForgetSamples;
    for (int64_t step = whole; step < until; step += kForgetSamples) {
      ::madvise(samples_ + index(step), kForgetSamples * sizeof(int16_t), MADV_DONTNEED);
    }
  }

  /// One past the newest sample.
  int64_t written() const noexcept { return written_.load(std::memory_order_acquire); }

  /// The oldest position that is still here.
  int64_t oldest() const noexcept { return oldest_of(written()); }

  /// Copies [start, stop) to out, as much of it as exists, and returns what that was.
  ///
  /// out has room for stop - start samples (start > stop counts as empty).  Samples not yet written
  /// are left out at the end; samples already overwritten are left out at the front and
  /// counted as overrun.  The result is contiguous and begins at out[0].
  Span read(int64_t start, int64_t stop, int16_t* out) noexcept {
    start = std::max<int64_t>(start, 0);
    const int64_t newest = written();
    stop = std::min(stop, newest);
    if (start >= stop) return {std::max(start, oldest_of(newest)), 0};
    const int64_t first = std::clamp(oldest_of(newest), start, stop);
    for (int64_t position = first; position < stop; ++position) {
      out[position - first] = std::atomic_ref(samples_[index(position)]).load(std::memory_order_acquire);
    }
    // The acquire loads above keep these loads after them.
    const int64_t sound = std::clamp(oldest_of(claimed_.load(std::memory_order_relaxed)), first, stop);
    const auto count = static_cast<size_t>(stop - sound);
    if (sound > first) std::memmove(out, out + (sound - first), count * sizeof(int16_t));
    if (sound > start) {
      overrun_samples_.fetch_add(static_cast<uint64_t>(sound - start), std::memory_order_relaxed);
    }
    return {sound, count};
  }

  /// Samples that were asked for after they had been overwritten, over all reads.
  uint64_t overrun_samples() const noexcept { return overrun_samples_.load(std::memory_order_relaxed); }

  /// 32 KB: a multiple of every page in use but the 64 KB ones of some ARM kernels, where nothing is given
  /// back; two seconds at 8 kHz.
  static constexpr int64_t kForgetSamples = 16'384;

 private:
  static_assert(std::atomic_ref<int16_t>::is_always_lock_free);
  static_assert(std::atomic<int64_t>::is_always_lock_free);

  size_t index(int64_t position) const noexcept { return static_cast<size_t>(position) & (capacity_ - 1); }
  int64_t oldest_of(int64_t newest) const noexcept {
    return std::max(forgotten_.load(std::memory_order_relaxed), newest - static_cast<int64_t>(capacity_));
  }

  const size_t capacity_;
  int16_t* samples_;
  std::atomic<int64_t> claimed_{0};    ///< the writer may be writing up to here
  std::atomic<int64_t> written_{0};    ///< everything before this is published
  std::atomic<int64_t> forgotten_{0};  ///< everything before this may have gone
  std::atomic<uint64_t> overrun_samples_{0};
};

}  // namespace offhook
