#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/cores.h"

using offhook::CorePlace;
using offhook::Cores;
using offhook::Rank;

namespace {

constexpr int64_t kLong_ns = 30'000'000'000;
constexpr int64_t kNoWait_ns = 0;

int32_t enter(CorePlace& place, Rank rank, int32_t most, int64_t limit_ns) {
  place.urge(rank);
  return place.enter(most, limit_ns);
}

/// A thread that waits for cores, notes its name once it has some, and gives them back when it is told to.
class Waiter {
 public:
  Waiter(const std::shared_ptr<Cores>& cores, std::string& order, char name, Rank rank, int32_t most = 1)
      : place(cores) {
    const int32_t before = cores->stats().waiting;
    thread_ = std::thread([this, &order, name, rank, most] {
      got = enter(place, rank, most, kLong_ns);
      order += name;  // one after the other: there is one core
      place.leave();
    });
    while (cores->stats().waiting == before) std::this_thread::yield();
  }
  ~Waiter() { thread_.join(); }

  CorePlace place;
  std::atomic<int32_t> got{0};

 private:
  std::thread thread_;
};

}  // namespace

TEST_CASE("committed work goes before prepared, that before what is ahead, and who is late first") {
  const auto cores = std::make_shared<Cores>(1);
  CorePlace busy(cores);
  REQUIRE(enter(busy, {Rank::kAhead, 0}, 1, kNoWait_ns) == 1);
  std::string order;
  {
    const Waiter a(cores, order, 'a', {Rank::kAhead, 1});
    const Waiter b(cores, order, 'b', {Rank::kPrepared, 20});
    const Waiter c(cores, order, 'c', {Rank::kCommitted, 40});
    const Waiter d(cores, order, 'd', {Rank::kCommitted, 30});
    const Waiter e(cores, order, 'e', {Rank::kPrepared, 20});
    CHECK(busy.wanted());
    busy.leave();
  }
  CHECK(order == "dcbea");
  CHECK(cores->stats().running == 0);
  CHECK(cores->stats().most == 1);
  CHECK(cores->stats().waited == 5);
}

TEST_CASE("what waits becomes urgent with the commit, and what is done stays as it is") {
  const auto cores = std::make_shared<Cores>(1);
  CorePlace busy(cores);
  REQUIRE(enter(busy, {Rank::kPrepared, 0}, 1, kNoWait_ns) == 1);
  std::string order;
  {
    const Waiter a(cores, order, 'a', {Rank::kPrepared, 1});
    Waiter b(cores, order, 'b', {Rank::kPrepared, 2});
    CHECK_FALSE(busy.wanted());  // they wait as this one works: for a perhaps
    b.place.urge({Rank::kCommitted, 2});
    CHECK(busy.wanted());
    busy.urge({Rank::kCommitted, 0});
    CHECK_FALSE(busy.wanted());
    busy.leave();
  }
  CHECK(order == "ba");
}

TEST_CASE("how many cores somebody gets") {
  struct Case {
    int32_t count;
    Rank rank;
    int32_t most;
    int32_t got;
  };
  const Case cases[] = {
      {1, {Rank::kCommitted, 0}, 4, 1}, {1, {Rank::kAhead, 0}, 4, 1},     {2, {Rank::kCommitted, 0}, 4, 2},
      {2, {Rank::kPrepared, 0}, 4, 1},  {2, {Rank::kAhead, 0}, 2, 1},     {8, {Rank::kCommitted, 0}, 4, 4},
      {8, {Rank::kPrepared, 0}, 16, 7}, {8, {Rank::kCommitted, 0}, 0, 1},
  };
  for (const Case& each : cases) {
    const auto cores = std::make_shared<Cores>(each.count);
    CorePlace place(cores);
    CHECK(enter(place, each.rank, each.most, kNoWait_ns) == each.got);
    CHECK(place.cores() == each.got);
    CHECK(cores->stats().running == each.got);
    // Again: what it has is given back before it is given more.
    CHECK(enter(place, each.rank, each.most, kNoWait_ns) == each.got);
    place.leave();
    place.leave();
    CHECK(cores->stats().running == 0);
  }
}

TEST_CASE("what is ahead leaves a core for a commit, and a wait ends at its limit") {
  const auto cores = std::make_shared<Cores>(2);
  CorePlace one(cores);
  CorePlace two(cores);
  CorePlace three(cores);
  CHECK(enter(one, {Rank::kAhead, 0}, 1, kNoWait_ns) == 1);
  CHECK(enter(two, {Rank::kAhead, 0}, 1, kNoWait_ns) == 0);
  CHECK(enter(two, {Rank::kPrepared, 0}, 1, kNoWait_ns) == 1);
  CHECK(enter(three, {Rank::kCommitted, 0}, 1, kNoWait_ns) == 0);
  CHECK(cores->stats().waiting == 0);
  one.urge({Rank::kCommitted, 0});  // the pause came, and its end
  two.leave();
  CHECK(enter(three, {Rank::kAhead, 0}, 1, kNoWait_ns) == 1);
}

TEST_CASE("who shares with others that wait leaves them a core each") {
  const auto cores = std::make_shared<Cores>(4);
  CorePlace busy(cores);
  REQUIRE(enter(busy, {Rank::kCommitted, 0}, 4, kNoWait_ns) == 4);
  std::string order;
  const auto wait = [&](CorePlace& place, int64_t since_ns, std::atomic<int32_t>& got) {
    return std::thread(
        [&place, since_ns, &got] { got = enter(place, {Rank::kCommitted, since_ns}, 4, kLong_ns); });
  };
  CorePlace first(cores);
  CorePlace second(cores);
  std::atomic<int32_t> got_first{0};
  std::atomic<int32_t> got_second{0};
  std::thread a = wait(first, 1, got_first);
  std::thread b = wait(second, 2, got_second);
  while (cores->stats().waiting < 2) std::this_thread::yield();
  busy.leave();
  a.join();
  b.join();
  CHECK(got_first == 3);
  CHECK(got_second == 1);
}

TEST_CASE("never more are out than there are, whatever many threads do") {
  constexpr int32_t kCount = 3;
  const auto cores = std::make_shared<Cores>(kCount);
  std::atomic<int32_t> out{0};
  std::atomic<int32_t> wrong{0};
  std::vector<std::thread> threads;
  for (int32_t number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      CorePlace place(cores);
      for (int32_t round = 0; round < 400; ++round) {
        const int32_t got = enter(place, {(number + round) % 3, round}, 1 + round % 4, kLong_ns);
        if (got < 1 || out.fetch_add(got) + got > kCount) ++wrong;
        if (place.wanted()) place.urge({Rank::kCommitted, round});
        out.fetch_sub(got);
        place.leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cores->stats().running == 0);
  CHECK(cores->stats().most <= kCount);
  CHECK(cores->stats().entered == 8 * 400);
  CHECK(CorePlace::live() == 0);
}

TEST_CASE("cores that are none are refused") {
  CHECK_THROWS_AS(Cores(0), std::invalid_argument);
  CHECK_THROWS_AS(CorePlace(nullptr), std::invalid_argument);
}
