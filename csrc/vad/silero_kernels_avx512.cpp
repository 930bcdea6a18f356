// The Silero network for AVX-512 (x86-64-v4).  Runs only where silero.cpp found these instructions.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "vad/silero.h"
#include "vad/silero_kernels.h"

// From here to the end of the file, which is why every include stands above.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#endif
#define OFFHOOK_LANES 16
#define OFFHOOK_COLUMNS 8
#include "vad/silero_network.h"

const offhook::silero::Kernels offhook::silero::kAvx512Kernels = {"avx512", kPanel, run};
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
