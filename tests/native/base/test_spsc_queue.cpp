#include <doctest/doctest.h>

#include <thread>

#include "base/spsc_queue.h"

using offhook::SpscQueue;

TEST_CASE("values come out in order, and a full queue refuses") {
  SpscQueue<int> queue(3);
  CHECK(queue.capacity() == 4);
  int value = -1;
  CHECK_FALSE(queue.pop(&value));
  CHECK(value == -1);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) CHECK(queue.push(i));
    CHECK_FALSE(queue.push(4));
    for (int i = 0; i < 4; ++i) {
      CHECK(queue.pop(&value));
      CHECK(value == i);
    }
    CHECK_FALSE(queue.pop(&value));
  }
}

TEST_CASE("nothing is lost or reordered between two threads") {
  SpscQueue<int> queue(8);
  constexpr int kTotal = 100'000;
  std::thread producer([&] {
    for (int i = 0; i < kTotal;) {
      if (queue.push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int wrong = 0;
  for (int expected = 0; expected < kTotal;) {
    int value = -1;
    if (queue.pop(&value)) {
      wrong += value != expected++;
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
  CHECK(wrong == 0);
}
