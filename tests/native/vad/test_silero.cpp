// The Silero network against a slow, plain reading of the same weights, and against bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include "silero_reference.h"
#include "vad/silero.h"

namespace {

/// Counts every operator new of this program, so that a test can see that run() makes none.
/// (Not inlined: the compiler would then complain that malloc's block is deleted.)
std::atomic<long> allocations{0};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

namespace {

using namespace offhook;

using Window = std::array<float, kSileroWindowSamples>;

std::string weights_path() {
  const char* path = std::getenv("OFFHOOK_SILERO_WEIGHTS");
  REQUIRE_MESSAGE(path != nullptr, "OFFHOOK_SILERO_WEIGHTS has to name ggml-silero-v6.2.0.bin");
  return path;
}

std::unique_ptr<SileroModel> load(const char* instruction_set = nullptr) {
  std::string error;
  auto model = SileroModel::load_for(instruction_set, weights_path(), &error);
  REQUIRE_MESSAGE(model != nullptr, error);
  return model;
}

/// The instruction sets that this machine has.
std::vector<const char*> instruction_sets() {
  std::vector<const char*> usable;
  std::string error;
  for (const char* name : {"avx512", "avx2", "portable"})
    if (SileroModel::load_for(name, weights_path(), &error)) usable.push_back(name);
  return usable;
}

/// Something like speech: a voice with moving formants that comes and goes over noise; another for each seed.
std::vector<Window> speechlike(std::size_t count, unsigned seed) {
  std::vector<Window> windows(count);
  std::uint32_t random = seed * 2654435761u + 1;
  const double pitch_hz = 90.0 + 40.0 * (seed % 5);
  double phase = 0.0;
  for (std::size_t i = 0; i < count * kSileroWindowSamples; ++i) {
    const double seconds = static_cast<double>(i) / 16000.0;
    const double hz = pitch_hz * (1.0 + 0.15 * std::sin(3.0 * seconds));
    phase += 2.0 * std::numbers::pi * hz / 16000.0;
    const double first = 550.0 + 250.0 * std::sin(5.0 * seconds + seed);
    const double second = 1600.0 + 500.0 * std::sin(4.0 * seconds);
    double voice = 0.0;
    for (int harmonic = 1; harmonic < 25; ++harmonic) {
      const double near_first = (hz * harmonic - first) / 250.0;
      const double near_second = (hz * harmonic - second) / 300.0;
      const double loudness =
          std::exp(-near_first * near_first) + 0.5 * std::exp(-near_second * near_second) + 0.01;
      voice += loudness * std::sin(harmonic * phase);
    }
    random = random * 1664525u + 1013904223u;
    const double noise = static_cast<double>(random >> 8) / 16777216.0 - 0.5;
    const double swell = std::max(0.0, std::sin(6.0 * seconds + seed));
    windows[i / kSileroWindowSamples][i % kSileroWindowSamples] =
        static_cast<float>(0.15 * swell * voice + 0.01 * noise);
  }
  return windows;
}

float run_one(SileroBatch* batch, const Window& window, SileroState* state) {
  const float* windows[] = {window.data()};
  SileroState* states[] = {state};
  float probability = -1.0f;
  batch->run(windows, states, &probability, 1);
  return probability;
}

std::vector<float> run_alone(const SileroModel& model, const std::vector<Window>& windows) {
  SileroBatch batch(model, 1);
  SileroState state;
  std::vector<float> probabilities;
  for (const Window& window : windows) probabilities.push_back(run_one(&batch, window, &state));
  return probabilities;
}

bool is_sound(const SileroState& state) {
  for (float value : state.hidden)
    if (!(std::fabs(value) <= 1.0f)) return false;
  for (float value : state.cell)
    if (!std::isfinite(value)) return false;
  return true;
}

TEST_CASE("every instruction set computes what the weights say") {
  const auto windows = speechlike(120, 2);
  silero_reference::Network network(weights_path());
  std::vector<double> expected;
  for (const Window& window : windows) expected.push_back(network.run(window.data()));
  double low = 1.0, high = 0.0;
  for (double value : expected) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  REQUIRE(low < 0.1);  // the signal has to move the network, or the comparison says nothing
  REQUIRE(high > 0.9);

  for (const char* name : instruction_sets()) {
    CAPTURE(name);
    const auto model = load(name);
    CHECK(std::string(model->instruction_set()) == name);
    const auto actual = run_alone(*model, windows);
    double worst = 0.0;
    for (std::size_t i = 0; i < actual.size(); ++i)
      worst = std::max(worst, std::fabs(static_cast<double>(actual[i]) - expected[i]));
    CHECK(worst < 3e-4);
  }
}

TEST_CASE("load() takes the best instruction set of the machine") {
  CHECK(std::string(load()->instruction_set()) == instruction_sets().front());
  std::string error;
  CHECK(SileroModel::load_for("abacus", weights_path(), &error) == nullptr);
  CHECK(error.find("abacus") != std::string::npos);
}

TEST_CASE("load() takes the instruction set that the environment names") {
  const char* usual = std::getenv("OFFHOOK_INSTRUCTION_SET");
  const std::string before = usual ? usual : "";
  std::string error;
  ::setenv("OFFHOOK_INSTRUCTION_SET", "portable", 1);
  CHECK(std::string(SileroModel::load(weights_path(), &error)->instruction_set()) == "portable");
  ::setenv("OFFHOOK_INSTRUCTION_SET", "abacus", 1);
  CHECK(SileroModel::load(weights_path(), &error) == nullptr);
  CHECK(error.find("abacus") != std::string::npos);
  ::setenv("OFFHOOK_INSTRUCTION_SET", "", 1);
  CHECK(std::string(SileroModel::load(weights_path(), &error)->instruction_set()) ==
        instruction_sets().front());
  usual ? ::setenv("OFFHOOK_INSTRUCTION_SET", before.c_str(), 1) : ::unsetenv("OFFHOOK_INSTRUCTION_SET");
}

TEST_CASE("a stream's probabilities are the same alone and in any company") {
  constexpr std::size_t kSteps = 2;
  constexpr std::size_t kStreams = 71;
  std::vector<std::vector<Window>> heard;
  for (unsigned i = 0; i < kStreams; ++i) heard.push_back(speechlike(kSteps, i));
  for (const char* name : instruction_sets()) {
    CAPTURE(name);
    const auto model = load(name);
    std::vector<std::vector<float>> alone;
    for (const auto& windows : heard) alone.push_back(run_alone(*model, windows));
    for (int max_batch : {5, 200}) {
      SileroBatch batch(*model, max_batch);
      for (std::size_t count :
           {std::size_t{2}, std::size_t{3}, std::size_t{4}, std::size_t{5}, std::size_t{6}, std::size_t{7},
            std::size_t{9}, std::size_t{17}, std::size_t{33}, kStreams}) {
        CAPTURE(max_batch);
        CAPTURE(count);
        std::vector<SileroState> states(count);
        std::vector<SileroState*> state_pointers;
        for (SileroState& state : states) state_pointers.push_back(&state);
        std::vector<float> probabilities(count);
        std::size_t different = 0;
        for (std::size_t step = 0; step < kSteps; ++step) {
          std::vector<const float*> windows;
          for (std::size_t i = 0; i < count; ++i) windows.push_back(heard[i][step].data());
          batch.run(windows.data(), state_pointers.data(), probabilities.data(), static_cast<int>(count));
          for (std::size_t i = 0; i < count; ++i) different += probabilities[i] != alone[i][step];
        }
        CHECK(different == 0);
      }
    }
  }
}

TEST_CASE("reset() makes a state like new; nothing else does") {
  const auto model = load();
  const auto windows = speechlike(20, 3);
  SileroBatch batch(*model, 4);
  SileroState state;
  const float first = run_one(&batch, windows[10], &state);
  for (const Window& window : windows) run_one(&batch, window, &state);
  CHECK(run_one(&batch, windows[10], &state) != first);
  state.reset();
  CHECK(run_one(&batch, windows[10], &state) == first);
}

TEST_CASE("a count of nothing does nothing") {
  const auto model = load();
  SileroBatch batch(*model, 0);
  CHECK(batch.max_batch() >= 1);
  batch.run(nullptr, nullptr, nullptr, 0);
  batch.run(nullptr, nullptr, nullptr, -3);
}

TEST_CASE("no input can poison a state") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Case {
    const char* what;
    float given;
    float taken_for;
  };
  const Case cases[] = {
      {"not a number", kNan, 0.0f},
      {"infinite", kInfinity, 1.0f},
      {"negative infinite", -kInfinity, -1.0f},
      {"largest", std::numeric_limits<float>::max(), 1.0f},
      {"clipped", -1.5f, -1.0f},
      {"denormal", std::numeric_limits<float>::denorm_min(), 0.0f},
      {"negative zero", -0.0f, 0.0f},
  };
  const auto windows = speechlike(12, 4);
  for (const char* name : instruction_sets()) {
    const auto model = load(name);
    SileroBatch batch(*model, 1);
    for (const Case& one : cases) {
      for (bool everywhere : {false, true}) {
        CAPTURE(name);
        CAPTURE(one.what);
        CAPTURE(everywhere);
        SileroState state, clean_state;
        for (std::size_t i = 0; i < windows.size(); ++i) {
          Window given = windows[i], clean = windows[i];
          if (i == 5) {
            for (std::size_t j = 0; j < given.size(); j += everywhere ? 1 : 37) {
              given[j] = one.given;
              clean[j] = one.taken_for;
            }
          }
          const float probability = run_one(&batch, given, &state);
          CHECK(probability >= 0.0f);
          CHECK(probability <= 1.0f);
          CHECK(probability == run_one(&batch, clean, &clean_state));
          CHECK(is_sound(state));
        }
      }
    }
  }
}

TEST_CASE("silence of any length is no speech and stays sound") {
  const auto model = load();
  SileroBatch batch(*model, 1);
  SileroState state;
  const Window silence{};
  float probability = 1.0f;
  for (int i = 0; i < 400; ++i) probability = run_one(&batch, silence, &state);
  CHECK(probability < 0.1f);
  CHECK(is_sound(state));
}

TEST_CASE("run() allocates nothing") {
  const auto model = load();
  SileroBatch batch(*model, 8);
  const auto heard = speechlike(20, 5);
  std::vector<SileroState> states(20);
  std::vector<SileroState*> state_pointers;
  std::vector<const float*> windows;
  for (std::size_t i = 0; i < 20; ++i) {
    state_pointers.push_back(&states[i]);
    windows.push_back(heard[i].data());
  }
  std::vector<float> probabilities(20);
  const long before = allocations.load();
  batch.run(windows.data(), state_pointers.data(), probabilities.data(), 20);
  CHECK(allocations.load() == before);
}

TEST_CASE("threads share one model") {
  const auto model = load();
  const auto windows = speechlike(10, 6);
  const auto expected = run_alone(*model, windows);
  std::array<std::vector<float>, 3> results;
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = run_alone(*model, windows); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}

}  // namespace
