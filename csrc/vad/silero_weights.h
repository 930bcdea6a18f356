// From the weights' file to the order in which the kernels read them.

#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "vad/ggml_file.h"
#include "vad/silero_kernels.h"

namespace offhook::silero {

struct FreeAligned {
  void operator()(float* block) const noexcept { std::free(block); }
};
using AlignedFloats = std::unique_ptr<float[], FreeAligned>;

/// Allocates count floats, zeroed, on a cache line.  Throws std::bad_alloc.
AlignedFloats allocate_floats(std::size_t count);

struct Weights {
  const Kernels* kernels;
  AlignedFloats storage;
  Packed packed;
};

/// Checks that file is a Silero network of the shape that we run (16 kHz, versions 5 and 6) and packs it for
/// kernels.  Returns nullptr and fills *problem (without the file's name) when it is not.
std::unique_ptr<const Weights> pack_weights(const GgmlFile& file, const Kernels& kernels,
                                            std::string* problem);

}  // namespace offhook::silero
