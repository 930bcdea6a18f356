// Small matrix products for the Silero network's variants.
//
// Included through silero_network.h only.  Internal linkage throughout; see silero_kernels.h.

#pragma once

#include "vad/silero_vectors.h"

namespace offhook::silero {
namespace {

/// Columns (windows, or spectra) that one tile keeps in registers at most.
constexpr int kColumns = OFFHOOK_COLUMNS;
/// Rows of one panel of weights.
constexpr int kPanel = 2 * kLanes;

/// Products of the same shape, each one panel of weights times the same number of columns:
///   y[c][0..P) = bias[0..P) + sum over k < depth of weights[k][0..P) * x[c][k].
/// Successive products lie the given steps apart, successive columns the given strides.
struct Products {
  const float* weights;
  std::ptrdiff_t weights_step;
  int depth;
  const float* x;
  std::ptrdiff_t x_step;
  std::ptrdiff_t x_stride;
  float* y;
  std::ptrdiff_t y_step;
  std::ptrdiff_t y_stride;
  const float* bias;  // nullptr: none
  std::ptrdiff_t bias_step;
};

/// The sum over k is made of pieces of about this length, each added up on its own: the error of a sum grows
/// with its length, and what is rounded to 16 bits afterwards can fall on the other side of a tie.
constexpr int kPiece = 64;

/// n columns of kTwins successive products, from k = first to end; adds to y unless first is 0.
/// The order of additions does not depend on n or kTwins: a stream's result is the same in any company.
template <int n, int kTwins>
OFFHOOK_INLINE void tile(const Products& p, int first, int end) {
  const float* weights = p.weights + first * kPanel;
  const float* x = p.x;
  const std::ptrdiff_t weights_step = p.weights_step, x_step = p.x_step, x_stride = p.x_stride;
  Vec sums[kTwins][n][2] = {};
  for (int k = first; k < end; ++k, weights += kPanel) {
#pragma GCC unroll 16
    for (int t = 0; t < kTwins; ++t) {
      const Vec low = load(weights + t * weights_step);
      const Vec high = load(weights + t * weights_step + kLanes);
#pragma GCC unroll 16
      for (int c = 0; c < n; ++c) {
        const float factor = x[t * x_step + c * x_stride + k];
        sums[t][c][0] += low * factor;
        sums[t][c][1] += high * factor;
      }
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTwins; ++t) {
#pragma GCC unroll 16
    for (int c = 0; c < n; ++c) {
      float* y = p.y + t * p.y_step + c * p.y_stride;
      const float* start = first > 0 ? y : p.bias ? p.bias + t * p.bias_step : nullptr;
      store(y, start ? load(start) + sums[t][c][0] : sums[t][c][0]);
      store(y + kLanes, start ? load(start + kLanes) + sums[t][c][1] : sums[t][c][1]);
    }
  }
}

/// All k of n columns of kTwins products.
template <int n, int kTwins>
void whole_tile(const Products& p) {
  for (int first = 0; first < p.depth;) {
    const int end = p.depth - first < kPiece + kPiece / 2 ? p.depth : first + kPiece;
    tile<n, kTwins>(p, first, end);
    first = end;
  }
}

/// n columns of products products.  With few columns several products run side by side, to hide the
/// latency of an addition.
template <int n>
OFFHOOK_INLINE void few_columns(Products p, int products) {
  constexpr int kTwins = n == 1 ? 4 : n < 4 ? 2 : 1;
  auto advance = [&p](int count) {
    p.weights += count * p.weights_step;
    p.x += count * p.x_step;
    p.y += count * p.y_step;
    if (p.bias) p.bias += count * p.bias_step;
  };
  for (; products >= kTwins; products -= kTwins, advance(kTwins)) whole_tile<n, kTwins>(p);
  for (; products > 0; --products, advance(1)) whole_tile<n, 1>(p);
}

/// How many of count columns the next tile takes: tiles as even as can be, since narrow ones are slow.
OFFHOOK_INLINE int next_columns(int count) {
  const int tiles = (count + kColumns - 1) / kColumns;
  return (count + tiles - 1) / tiles;
}

/// products products of 1 .. kColumns columns.
void multiply_tile(const Products& p, int products, int columns) {
  switch (columns) {
    case 1:
      return few_columns<1>(p, products);
    case 2:
      return few_columns<2>(p, products);
    case 3:
      return few_columns<3>(p, products);
    case 4:
      return few_columns<4>(p, products);
    case 5:
      return few_columns<5>(p, products);
    case 6:
      return few_columns<6>(p, products);
#if OFFHOOK_COLUMNS > 6
    case 7:
      return few_columns<7>(p, products);
    case 8:
      return few_columns<8>(p, products);
#endif
  }
}

/// products products of any number of columns.
void multiply(Products p, int products, int count) {
  while (count > 0) {
    const int columns = next_columns(count);
    multiply_tile(p, products, columns);
    p.x += columns * p.x_stride;
    p.y += columns * p.y_stride;
    count -= columns;
  }
}

}  // namespace
}  // namespace offhook::silero
