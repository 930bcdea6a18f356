// Messages of one stream on their way from the media thread to whoever takes them.

#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace offhook {

/// A bounded queue of short messages, each a code and some bytes.
///
/// push() belongs to the media thread, pop() to one taker at a time.  Neither blocks, allocates or throws; a
/// message that does not fit is refused whole.  The producer owns tail_, the consumer owns head_; each reads
/// the other's with acquire and publishes its own with release.
class MessageRing {
 public:
  /// Allocates capacity bytes, rounded up to a power of two; none for 0, which refuses everything.
  explicit MessageRing(size_t capacity)
      : mask_(capacity == 0 ? 0 : std::bit_ceil(capacity) - 1),
        bytes_(capacity == 0 ? nullptr : std::make_unique<char[]>(mask_ + 1)) {}

  bool push(uint8_t code, const char* bytes, size_t size) noexcept {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    const size_t used = tail - head_.load(std::memory_order_acquire);
    if (!bytes_ || size > UINT16_MAX || kHeader + size > mask_ + 1 - used) return false;
    const char header[kHeader] = {static_cast<char>(code), static_cast<char>(size >> 8),
                                  static_cast<char>(size & 0xff)};
    put(tail, header, kHeader);
    put(tail + kHeader, bytes, size);
    tail_.store(tail + kHeader + size, std::memory_order_release);
    return true;
  }

  /// Bytes of the oldest message, which *code gets; -1 when there is none.
  int next_size(uint8_t* code) const noexcept {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return -1;
    unsigned char header[kHeader];
    get(head, reinterpret_cast<char*>(header), kHeader);
    *code = header[0];
    return header[1] << 8 | header[2];
  }

  /// Copies the oldest message, which is next_size() long, and lets it go.
  void pop(char* out) noexcept {
    uint8_t code = 0;
    const int size = next_size(&code);
    if (size < 0) return;
    const size_t head = head_.load(std::memory_order_relaxed);
    get(head + kHeader, out, static_cast<size_t>(size));
    head_.store(head + kHeader + static_cast<size_t>(size), std::memory_order_release);
  }

 private:
  static constexpr size_t kHeader = 3;

  void put(size_t at, const char* bytes, size_t size) noexcept {
    for (size_t i = 0; i < size; ++i) bytes_[(at + i) & mask_] = bytes[i];
  }
  void get(size_t at, char* out, size_t size) const noexcept {
    for (size_t i = 0; i < size; ++i) out[i] = bytes_[(at + i) & mask_];
  }

  const size_t mask_;
  const std::unique_ptr<char[]> bytes_;
  std::atomic<size_t> head_{0};
  std::atomic<size_t> tail_{0};
};

}  // namespace offhook
