// Vectors of floats for the Silero network's variants: plain C++ on the compilers' vector types.
//
// Included through silero_network.h only.  Internal linkage throughout; see silero_kernels.h.

#pragma once

namespace offhook::silero {
namespace {

constexpr int kLanes = OFFHOOK_LANES;

using Vec = float __attribute__((vector_size(kLanes * 4)));
using BitVec = std::uint32_t __attribute__((vector_size(kLanes * 4)));
using LooseVec = float __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

#define OFFHOOK_INLINE [[gnu::always_inline]] inline

OFFHOOK_INLINE Vec load(const float* from) {
  return *reinterpret_cast<const LooseVec*>(from);
}
OFFHOOK_INLINE void store(float* to, Vec value) {
  *reinterpret_cast<LooseVec*>(to) = value;
}
OFFHOOK_INLINE Vec splat(float value) {
  return Vec{} + value;
}
OFFHOOK_INLINE Vec max0(Vec value) {
  return value > 0.0f ? value : Vec{};
}

OFFHOOK_INLINE Vec square_root(Vec value) {
#if OFFHOOK_LANES == 16
  return reinterpret_cast<Vec>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(value)));
#elif OFFHOOK_LANES == 8
  return reinterpret_cast<Vec>(_mm256_sqrt_ps(reinterpret_cast<__m256>(value)));
#elif defined(__x86_64__)
  return reinterpret_cast<Vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(value)));
#elif defined(__aarch64__)
  return reinterpret_cast<Vec>(vsqrtq_f32(reinterpret_cast<float32x4_t>(value)));
#else
  for (int i = 0; i < kLanes; ++i) value[i] = __builtin_sqrtf(value[i]);
  return value;
#endif
}

/// Rounds to what a 16-bit float can hold (ties to even), as the reference does before each convolution.
OFFHOOK_INLINE Vec round_to_half(Vec value) {
  const BitVec bits = reinterpret_cast<BitVec>(value);
  const Vec normal = reinterpret_cast<Vec>((bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu);
  const Vec tiny = (value + 0.75f) - 0.75f;  // below 2^-14 the 16-bit float's step is 2^-24
  return (bits & 0x7fffffffu) < 0x38800000u ? tiny : normal;
}

/// e^value for |value| <= 60; relative error below 3e-7.
OFFHOOK_INLINE Vec exponential(Vec value) {
  const Vec power = value * 1.44269504f;
  const Vec shifted = power + 12582912.0f;  // 1.5 * 2^23: the whole part sits in the low bits
  const Vec whole = shifted - 12582912.0f;
  const Vec rest = (value - whole * 0.693359375f) + whole * 2.12194440e-4f;  // ln 2 in two parts
  Vec sum = splat(1.0f / 720);
  sum = sum * rest + 1.0f / 120;
  sum = sum * rest + 1.0f / 24;
  sum = sum * rest + 1.0f / 6;
  sum = sum * rest + 0.5f;
  sum = sum * rest + 1.0f;
  sum = sum * rest + 1.0f;
  const BitVec exponent = reinterpret_cast<BitVec>(shifted) << 23;
  return reinterpret_cast<Vec>(reinterpret_cast<BitVec>(sum) + exponent);
}

OFFHOOK_INLINE Vec clamp(Vec value, float limit) {
  value = value < limit ? value : splat(limit);
  return value > -limit ? value : splat(-limit);
}

OFFHOOK_INLINE float sum_of(Vec value) {
  float sum = 0.0f;
  for (int i = 0; i < kLanes; ++i) sum += value[i];
  return sum;
}

}  // namespace
}  // namespace offhook::silero
