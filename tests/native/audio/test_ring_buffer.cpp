#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "audio/ring_buffer.h"

using offhook::RingBuffer;

namespace {

/// Every position has its own value, so that a sample in the wrong place shows.
int16_t value_at(int64_t position) {
  return static_cast<int16_t>(position * 31 + (position >> 16));
}

std::vector<int16_t> values(int64_t start, int64_t stop) {
  std::vector<int16_t> out;
  for (int64_t p = start; p < stop; ++p) out.push_back(value_at(p));
  return out;
}

void write_to(RingBuffer* ring, int64_t until) {
  const auto samples = values(ring->written(), until);
  ring->write(samples.data(), samples.size());
}

std::vector<int16_t> read_from(RingBuffer* ring, int64_t start, int64_t stop, int64_t* first) {
  std::vector<int16_t> out(static_cast<size_t>(std::max<int64_t>(0, stop - start)));
  const auto span = ring->read(start, stop, out.data());
  *first = span.start;
  out.resize(span.count);
  return out;
}

}  // namespace

TEST_CASE("capacity is a power of two") {
  CHECK(RingBuffer(1).capacity() == 2);
  CHECK(RingBuffer(1000).capacity() == 1024);
  CHECK(RingBuffer(1024).capacity() == 1024);
}

TEST_CASE("what was written is read back by position") {
  RingBuffer ring(16);
  int64_t first = 0;
  CHECK(read_from(&ring, 0, 5, &first).empty());
  write_to(&ring, 10);
  CHECK(ring.written() == 10);
  CHECK(read_from(&ring, 3, 7, &first) == values(3, 7));
  CHECK(first == 3);
  CHECK(read_from(&ring, 3, 7, &first) == values(3, 7));  // reading consumes nothing
  CHECK(read_from(&ring, 8, 100, &first) == values(8, 10));
  CHECK(read_from(&ring, -5, 2, &first) == values(0, 2));
  CHECK(read_from(&ring, 7, 7, &first).empty());
  CHECK(read_from(&ring, 9, 3, &first).empty());
  CHECK(ring.overrun_samples() == 0);
}

TEST_CASE("the oldest samples are overwritten, and asking for them is counted") {
  RingBuffer ring(16);
  int64_t first = 0;
  write_to(&ring, 20);
  CHECK(ring.oldest() == 4);
  CHECK(read_from(&ring, 0, 10, &first) == values(4, 10));
  CHECK(first == 4);
  CHECK(ring.overrun_samples() == 4);
  CHECK(read_from(&ring, 0, 3, &first).empty());
  CHECK(ring.overrun_samples() == 7);
  CHECK(read_from(&ring, 4, 20, &first) == values(4, 20));
  CHECK(ring.overrun_samples() == 7);
}

TEST_CASE("what is forgotten is as if overwritten, its memory goes, and the ring goes round as before") {
  constexpr int64_t kStep = RingBuffer::kForgetSamples;
  RingBuffer ring(4 * kStep);
  int64_t first = 0;
  write_to(&ring, 4 * kStep);
  ring.forget_before(3 * kStep + 100);
  CHECK(ring.oldest() == 3 * kStep);
  CHECK(read_from(&ring, 2 * kStep, 4 * kStep, &first) == values(3 * kStep, 4 * kStep));
  CHECK(first == 3 * kStep);
  CHECK(ring.overrun_samples() == kStep);
  ring.forget_before(kStep);  // less than is forgotten already
  CHECK(ring.oldest() == 3 * kStep);
  write_to(&ring, 6 * kStep + 7);
  CHECK(read_from(&ring, 3 * kStep, 6 * kStep + 7, &first) == values(3 * kStep, 6 * kStep + 7));
  write_to(&ring, 9 * kStep + 50);
  CHECK(ring.oldest() == 5 * kStep + 50);
  ring.forget_before(100 * kStep);  // no more than there is, and only what is whole
  CHECK(ring.oldest() == 9 * kStep);
  CHECK(read_from(&ring, 9 * kStep, 9 * kStep + 50, &first) == values(9 * kStep, 9 * kStep + 50));
  write_to(&ring, 14 * kStep);
  CHECK(read_from(&ring, 10 * kStep, 14 * kStep, &first) == values(10 * kStep, 14 * kStep));
}

TEST_CASE("the memory of what is forgotten goes") {
  constexpr int64_t kSteps = 256;
  RingBuffer ring(kSteps * RingBuffer::kForgetSamples);
  const auto resident_pages = [] {
    std::ifstream status("/proc/self/statm");
    int64_t size = 0, pages = 0;
    status >> size >> pages;
    return pages;
  };
  write_to(&ring, kSteps * RingBuffer::kForgetSamples);
  const int64_t before = resident_pages();
  ring.forget_before(ring.written());
  const int64_t all = kSteps * RingBuffer::kForgetSamples * 2 / ::sysconf(_SC_PAGESIZE);
  CHECK(before - resident_pages() >= all / 2);  // the rest of the process has some, too
}

TEST_CASE("a write larger than the ring keeps the newest samples at their positions") {
  RingBuffer ring(16);
  int64_t first = 0;
  write_to(&ring, 5);
  write_to(&ring, 1000);
  CHECK(ring.written() == 1000);
  CHECK(read_from(&ring, 0, 1000, &first) == values(984, 1000));
  CHECK(first == 984);
}

TEST_CASE("live objects are counted") {
  const auto before = RingBuffer::live();
  {
    RingBuffer ring(16);
    CHECK(RingBuffer::live() == before + 1);
  }
  CHECK(RingBuffer::live() == before);
}

TEST_CASE("readers that are lapped while they copy never see a sample in the wrong place") {
  RingBuffer ring(256);
  constexpr int64_t kTotal = 4'000'000;
  std::atomic<int64_t> wrong{0}, lapped{0}, sound{0};
  std::thread writer([&] {
    int16_t block[160];
    for (int64_t at = 0; at < kTotal;) {
      const auto count = std::min<int64_t>(1 + at % 160, kTotal - at);
      for (int64_t i = 0; i < count; ++i) block[i] = value_at(at + i);
      ring.write(block, static_cast<size_t>(count));
      at += count;
    }
  });
  const auto read_on = [&] {
    std::vector<int16_t> out(512);
    for (int64_t newest = 0; newest < kTotal;) {
      newest = ring.written();
      const int64_t start = newest - 256;  // the very samples that are overwritten next
      const auto span = ring.read(start, newest, out.data());
      for (size_t i = 0; i < span.count; ++i) {
        if (out[i] != value_at(span.start + static_cast<int64_t>(i))) ++wrong;
      }
      sound += static_cast<int64_t>(span.count);
      if (newest > 0 && span.start > std::max<int64_t>(start, 0)) ++lapped;
    }
  };
  std::thread reader(read_on), second_reader(read_on);
  writer.join();
  reader.join();
  second_reader.join();
  CHECK(wrong == 0);
  CHECK(sound > 0);
  if (lapped > 0) CHECK(ring.overrun_samples() > 0);
}

TEST_CASE("readers of what is being forgotten never see the zeros that come in its place") {
  constexpr int64_t kStep = RingBuffer::kForgetSamples;
  RingBuffer ring(4 * kStep);
  constexpr int64_t kTotal = 200 * kStep;
  std::atomic<int64_t> wrong{0}, sound{0};
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (int64_t at = 0; at < kTotal; at += kStep / 4) {
      write_to(&ring, at + kStep / 4);
      ring.forget_before(at - kStep);
    }
    over = true;
  });
  std::thread reader([&] {
    std::vector<int16_t> out(4 * kStep);
    while (!over) {
      const int64_t newest = ring.written();
      const auto span = ring.read(newest - 3 * kStep, newest, out.data());
      for (size_t i = 0; i < span.count; ++i) {
        if (out[i] != value_at(span.start + static_cast<int64_t>(i))) ++wrong;
      }
      sound += static_cast<int64_t>(span.count);
    }
  });
  writer.join();
  reader.join();
  CHECK(wrong == 0);
  CHECK(sound > 0);
}
