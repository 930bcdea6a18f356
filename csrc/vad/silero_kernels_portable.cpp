// The Silero network for any machine: four floats at a time, as every x86-64 (SSE2) and ARM64 (NEON) can.
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cstddef>
#include <cstdint>

#include "vad/silero.h"
#include "vad/silero_kernels.h"

#define OFFHOOK_LANES 4
#if defined(__aarch64__)
#define OFFHOOK_COLUMNS 8  // 32 vector registers
#else
#define OFFHOOK_COLUMNS 6  // 16 vector registers
#endif
#include "vad/silero_network.h"

const offhook::silero::Kernels offhook::silero::kPortableKernels = {"portable", kPanel, run};
