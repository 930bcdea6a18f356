// The Silero network for AVX2 with FMA (x86-64-v3).  Runs only where silero.cpp found these instructions.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "vad/silero.h"
#include "vad/silero_kernels.h"

// From here to the end of the file, which is why every include stands above.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define OFFHOOK_LANES 8
#define OFFHOOK_COLUMNS 6
#include "vad/silero_network.h"

const offhook::silero::Kernels offhook::silero::kAvx2Kernels = {"avx2", kPanel, run};
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
