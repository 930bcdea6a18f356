// The scheduler as tables: jobs, time and costs in, a batch out.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "llm/scheduler.h"

using namespace offhook::llm;

namespace {

constexpr Nanoseconds kMs = kMillisecond;
constexpr Nanoseconds kNow = 1'000'000 * kMs;

// A CPU: every token costs, 10 ms alone, 1 ms in a large batch.
CostModel cpu() {
  CostModel costs;
  costs.observe(1, 10 * kMs);
  costs.observe(2, 14 * kMs);
  costs.observe(4, 16 * kMs);
  costs.observe(8, 24 * kMs);
  costs.observe(16, 32 * kMs);
  costs.observe(32, 48 * kMs);
  costs.observe(64, 72 * kMs);
  costs.observe(128, 128 * kMs);
  return costs;
}

// A GPU: a batch costs 8 ms whatever is in it.
CostModel gpu() {
  CostModel costs;
  for (int32_t tokens = 1; tokens <= 512; tokens *= 2) costs.observe(tokens, 8 * kMs);
  return costs;
}

Job running(uint32_t id, Nanoseconds age = 0, bool committed = true) {
  return {id, JobKind::kRunning, committed, 1, kNow - age, kNow - age};
}
Job first(uint32_t id, int32_t pending, Nanoseconds age = 0, bool committed = true) {
  return {id, JobKind::kFirst, committed, pending, kNow - age, kNow - age};
}
Job text(uint32_t id, int32_t pending, Nanoseconds age = 0, bool committed = true) {
  return {id, JobKind::kText, committed, pending, kNow - age, kNow - age};
}
Job background(uint32_t id, int32_t pending, Nanoseconds age = 0) {
  return {id, JobKind::kBackground, false, pending, kNow - age, kNow - age};
}

std::vector<Slice> plan(const std::vector<Job>& jobs, const CostModel& costs,
                        const SchedulerSettings& settings = {}) {
  return plan_batch(jobs, kNow, costs, settings);
}

int32_t tokens_of(const std::vector<Slice>& slices, uint32_t id) {
  for (const Slice& slice : slices) {
    if (slice.id == id) return slice.tokens;
  }
  return 0;
}

int32_t total(const std::vector<Slice>& slices) {
  int32_t sum = 0;
  for (const Slice& slice : slices) sum += slice.tokens;
  return sum;
}

}  // namespace

TEST_CASE("no jobs, no batch") {
  CHECK(plan({}, cpu()).empty());
}

TEST_CASE("running calls get a token each") {
  CHECK(plan({running(1), running(2), running(3)}, cpu()) == std::vector<Slice>{{1, 1}, {2, 1}, {3, 1}});
}

TEST_CASE("one short prompt is read whole") {
  CHECK(plan({first(1, 12)}, cpu()) == std::vector<Slice>{{1, 12}});
}

TEST_CASE("a long prompt is sliced by what the machine can do in quiet_batch_ns") {
  const auto slices = plan({first(1, 1000)}, cpu());
  REQUIRE(slices.size() == 1);
  CHECK(cpu().estimate(slices[0].tokens) <= SchedulerSettings{}.quiet_batch_ns);
  CHECK(slices[0].tokens >= 32);
  SUBCASE("and by the batch where the machine is fast") {
    CHECK(plan({first(1, 1000)}, gpu()) == std::vector<Slice>{{1, 512}});
  }
}

TEST_CASE("a new turn's prompt goes alone, before running calls, when they can wait") {
  const std::vector<Job> talking{running(1), running(2), running(3), running(4)};
  const auto with = [&](std::vector<Job> more) {
    more.insert(more.begin(), talking.begin(), talking.end());
    return more;
  };
  CHECK(plan(with({first(9, 12)}), cpu()) == std::vector<Slice>{{9, 12}});
  CHECK(plan(with({first(8, 6), first(9, 6)}), cpu()) == std::vector<Slice>{{8, 6}, {9, 6}});
  SUBCASE("not when a running call has waited already") {
    const auto slices = plan(with({running(5, 50 * kMs), first(9, 12)}), cpu());
    CHECK(tokens_of(slices, 5) == 1);
    CHECK(tokens_of(slices, 9) >= SchedulerSettings{}.min_slice_tokens);
  }
  SUBCASE("where they cost next to nothing they come along") {
    CHECK(plan({running(1), first(2, 12)}, gpu()) == std::vector<Slice>{{1, 1}, {2, 12}});
    CHECK(plan({running(1), first(2, 12)}, cpu()) == std::vector<Slice>{{1, 1}, {2, 12}});
  }
  SUBCASE("speculative turns do not push committed ones aside") {
    const auto slices = plan(with({first(9, 12, 0, false)}), cpu());
    for (uint32_t id = 1; id <= 4; ++id) CHECK(tokens_of(slices, id) == 1);
  }
}

TEST_CASE("a running call's gap stays bounded while another reads a long prompt") {
  // The life of two calls, played through with the model's own costs: no gap above a few tokens' time,
  // save for the smallest slice that every batch may hold.
  for (const auto& costs : {cpu(), gpu()}) {
    const SchedulerSettings settings;
    Nanoseconds now_ns = kNow;
    Job talker = running(1);
    Job reader = first(2, 1000);
    Nanoseconds widest = 0;
    int batches = 0;
    while (reader.pending > 0 && batches++ < 1000) {
      const auto slices = plan_batch(std::vector<Job>{talker, reader}, now_ns, costs, settings);
      now_ns += costs.estimate(total(slices));
      if (tokens_of(slices, 1) == 1) {
        widest = std::max(widest, now_ns - talker.since_ns);
        talker.since_ns = now_ns;
      }
      const int32_t read = tokens_of(slices, 2);
      reader.pending -= read;
      if (read > 0) reader.since_ns = now_ns;
    }
    CHECK(reader.pending == 0);
    const Nanoseconds smallest = costs.estimate(settings.min_slice_tokens + 1);
    CHECK(widest <= std::max(token_gap_ns(1, costs, settings), smallest) + kMs);
  }
}

TEST_CASE("committed before speculative, generations before text, text before background") {
  const std::vector<Job> jobs{background(1, 100, 50 * kMs), text(2, 100, 40 * kMs, false),
                              text(3, 100, 30 * kMs), first(4, 100, 20 * kMs, false), first(5, 100)};
  CHECK(plan(jobs, gpu()) == std::vector<Slice>{{5, 100}, {4, 100}, {3, 100}, {2, 100}, {1, 100}});
  const auto on_cpu = plan(jobs, cpu());
  REQUIRE(!on_cpu.empty());
  CHECK(on_cpu.size() < jobs.size());
  CHECK(on_cpu[0] == Slice{5, 100});
}

TEST_CASE("in one class the older prompt is finished first") {
  const auto slices = plan({first(1, 1000, 5 * kMs), first(2, 1000, 9 * kMs)}, cpu());
  REQUIRE(slices.size() == 1);
  CHECK(slices[0].id == 2);
}

TEST_CASE("speculative running calls yield to a committed first token, but not for ever") {
  const auto now = plan({running(1, 0, false), first(2, 200)}, cpu());
  CHECK(tokens_of(now, 1) == 0);
  const auto later = plan({running(1, 500 * kMs, false), first(2, 200)}, cpu());
  CHECK(tokens_of(later, 1) == 1);
  SUBCASE("alone they run freely") {
    CHECK(plan({running(1, 0, false), running(2, 0, false)}, cpu()) == std::vector<Slice>{{1, 1}, {2, 1}});
  }
}

TEST_CASE("a background prefix that has not moved for seconds is moved") {
  const auto slices = plan({first(1, 1000), background(2, 100, 10'000 * kMs)}, cpu());
  REQUIRE_FALSE(slices.empty());
  CHECK(slices[0].id == 2);
}

TEST_CASE("a batch never exceeds its limit") {
  SchedulerSettings settings;
  settings.max_batch_tokens = 4;
  std::vector<Job> jobs;
  for (uint32_t id = 0; id < 16; ++id) jobs.push_back(running(id, static_cast<Nanoseconds>(id) * kMs));
  const auto slices = plan(jobs, cpu(), settings);
  CHECK(total(slices) == 4);
  CHECK(slices[0].id == 15);  // the longest wait first
}

TEST_CASE("whatever the jobs: distinct ids, within pending and limit, and something always moves") {
  std::mt19937 random(20261123);
  const auto pick = [&](int32_t low, int32_t high) {
    return std::uniform_int_distribution<int32_t>(low, high)(random);
  };
  for (int round = 0; round < 5000; ++round) {
    SchedulerSettings settings;
    settings.max_batch_tokens = pick(1, 64);
    settings.min_slice_tokens = pick(1, 16);
    std::vector<Job> jobs;
    for (int32_t i = pick(1, 20); i > 0; --i) {
      Job job;
      job.id = static_cast<uint32_t>(i);
      job.kind = static_cast<JobKind>(pick(0, 3));
      job.committed = pick(0, 1) == 1;
      job.pending = job.kind == JobKind::kRunning ? 1 : pick(1, 300);
      job.since_ns = kNow - pick(0, 3000) * kMs;
      job.arrived_ns = job.since_ns - pick(0, 100) * kMs;
      jobs.push_back(job);
    }
    const auto slices = plan_batch(jobs, kNow, round % 2 ? cpu() : gpu(), settings);
    REQUIRE_FALSE(slices.empty());
    CHECK(total(slices) <= settings.max_batch_tokens);
    std::map<uint32_t, int32_t> seen;
    for (const Slice& slice : slices) {
      CHECK(slice.tokens >= 1);
      CHECK(++seen[slice.id] == 1);
      CHECK(slice.tokens <= jobs[jobs.size() - slice.id].pending);
    }
  }
}

TEST_CASE("nobody starves: random load, every job moves within bounded time") {
  // Sixteen calls that always want something; time passes by the costs of what was planned.
  std::mt19937 random(7);
  const auto pick = [&](int32_t low, int32_t high) {
    return std::uniform_int_distribution<int32_t>(low, high)(random);
  };
  const SchedulerSettings settings;
  const CostModel costs = cpu();
  std::vector<Job> jobs;
  for (uint32_t id = 0; id < 16; ++id) {
    jobs.push_back({id, static_cast<JobKind>(id % 4), id % 3 != 0, id % 4 == 0 ? 1 : 200, kNow, kNow});
  }
  Nanoseconds now_ns = kNow;
  Nanoseconds longest = 0;
  for (int batch = 0; batch < 4000; ++batch) {
    const auto slices = plan_batch(jobs, now_ns, costs, settings);
    now_ns += costs.estimate(total(slices));
    for (const Slice& slice : slices) {
      Job& job = jobs[slice.id];
      longest = std::max(longest, now_ns - job.since_ns);
      job.since_ns = now_ns;
      if (job.kind == JobKind::kRunning) continue;
      job.pending -= slice.tokens;
      if (job.pending == 0) {
        job.pending = pick(1, 400);
        job.arrived_ns = now_ns;
      }
    }
  }
  for (const Job& job : jobs) longest = std::max(longest, now_ns - job.since_ns);
  CHECK(longest <= 16'000 * kMs);
}

TEST_CASE("costs: the mean follows, outliers are clipped, unknown sizes are guessed from known ones") {
  CostModel costs;
  CHECK(costs.estimate(0) == 0);
  CHECK(costs.estimate(10) > 0);  // nothing known: a cautious guess
  for (int i = 0; i < 20; ++i) costs.observe(1, 10 * kMs);
  CHECK(costs.estimate(1) == 10 * kMs);
  costs.observe(1, 10'000 * kMs);
  CHECK(costs.estimate(1) < 20 * kMs);
  for (int i = 0; i < 60; ++i) costs.observe(1, 5 * kMs);
  CHECK(costs.estimate(1) < 6 * kMs);
  CHECK(costs.estimate(100) > 400 * kMs);  // at the price of single tokens until seen
  CHECK(costs.tokens_within(50 * kMs, 1000) >= 8);
  CHECK(costs.tokens_within(0, 1000) == 0);
  CostModel large;
  large.observe(64, 64 * kMs);
  CHECK(large.estimate(1) <= 64 * kMs);
}

namespace {

// A large model on a small machine.
CostModel slow() {
  CostModel costs;
  for (int32_t tokens = 1; tokens <= 64; tokens *= 2) costs.observe(tokens, tokens * 200 * kMs);
  return costs;
}

Job drafting(Job job, int32_t draft) {
  job.draft = draft;
  return job;
}

}  // namespace

TEST_CASE("a draft comes behind the prompt of a call that is alone") {
  CHECK(plan({drafting(first(1, 12), 16)}, cpu()) == std::vector<Slice>{{1, 12, 16}});
  SUBCASE("as far as the batch goes") {
    SchedulerSettings settings;
    settings.max_batch_tokens = 20;
    CHECK(plan_batch(std::vector<Job>{drafting(first(1, 12), 16)}, kNow, cpu(), settings) ==
          std::vector<Slice>{{1, 12, 8}});
  }
  SUBCASE("a little of it even where the machine is slow") {
    CHECK(plan({drafting(first(1, 120), 16)}, slow()) == std::vector<Slice>{{1, 4, 0}});
    CHECK(plan({drafting(first(1, 2), 16)}, slow()) == std::vector<Slice>{{1, 2, 4}});
  }
  SUBCASE("not before all of the prompt is in") {
    CHECK(plan({drafting(first(1, 1000), 16)}, cpu())[0].draft == 0);
  }
  SUBCASE("and goes on while it is right: nobody else waits") {
    CHECK(plan({drafting(running(1), 32)}, cpu()) == std::vector<Slice>{{1, 1, 32}});
  }
}

TEST_CASE("a draft never makes anybody wait") {
  SUBCASE("a prompt that is not all in") {
    for (const Slice& slice : plan({drafting(first(1, 12), 16), text(2, 1000)}, cpu())) {
      CHECK(slice.draft == 0);
    }
  }
  SUBCASE("a running call: both within its gap") {
    const auto slices = plan({running(1), drafting(running(2), 48)}, cpu());
    REQUIRE(slices.size() == 2);
    CHECK(cpu().estimate(2 + slices[1].draft) <= token_gap_ns(2, cpu(), {}));
    CHECK(slices[0].draft == 0);
  }
  SUBCASE("a running call that has waited long") {
    const auto slices = plan({running(1, 100 * kMs), drafting(running(2), 48)}, cpu());
    CHECK(slices == std::vector<Slice>{{1, 1}, {2, 1}});
  }
  SUBCASE("running calls that sit out a batch") {
    const std::vector<Job> jobs{running(1), running(2), running(3), running(4), drafting(first(9, 6), 48)};
    const auto slices = plan(jobs, cpu());
    REQUIRE(slices.size() == 1);
    CHECK(slices[0].id == 9);
    CHECK(cpu().estimate(6 + slices[0].draft) + cpu().estimate(4) <= token_gap_ns(4, cpu(), {}));
  }
}
