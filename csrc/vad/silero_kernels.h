// What the Silero network's compiled variants share: shapes, packed weights, scratch memory.
//
// silero_network.h is compiled once per instruction set (silero_kernels_avx512.cpp and so on) and
// chosen at run time through a table of function pointers; no ifunc, which sanitizers cannot bear.
// This header goes into files compiled for AVX-512, so it must hold no inline function: the linker
// could keep such a copy for machines without it.

#pragma once

#include <cstddef>

namespace offhook {

struct SileroState;

namespace silero {

constexpr int kWindow = 512;        ///< samples of one window
constexpr int kPad = 64;            ///< samples mirrored at either end of a window
constexpr int kHop = 128;           ///< samples from one spectrum to the next
constexpr int kFrames = 4;          ///< spectra of one window
constexpr int kFourier = 256;       ///< samples under one spectrum
constexpr int kBins = 129;          ///< magnitudes of one spectrum
constexpr int kBinsStride = 144;    ///< the same, rounded up to whole vectors
constexpr int kFold = 64;           ///< terms left of one spectrum's sums after folding
constexpr int kPoints = 6;          ///< products of the minimal 4-output, 3-tap convolution F(4,3)
constexpr int kWide = 128;          ///< channels of layers 0 and 3, width of the LSTM
constexpr int kNarrow = 64;         ///< channels of layers 1 and 2
constexpr int kGates = 4;           ///< input, forget, cell, output
constexpr int kBlockWindows = 32;   ///< windows that go through the network together
constexpr std::size_t kAlign = 64;  ///< bytes

/// Weights in the order in which a variant reads them, all in one allocation.
///
/// A matrix of M rows and K columns is kept as panels of P rows (P is the variant's): the panel, then the
/// column, then the row within the panel.  A window's outputs are then whole vectors, and each weight
/// is read once for several windows.
struct Packed {
  const float* spectrum;     ///< 4 matrices 64 x 64: cosine even, cosine odd, sine even, sine odd samples
  const float* bin64;        ///< 64: the cosine row of bin 64
  const float* layer0;       ///< panel, point, 129 bins, P rows
  const float* layer0_bias;  ///< 128
  const float* layer1;       ///< 64 x (3 taps x 128)
  const float* layer1_bias;  ///< 64
  const float* layer2;       ///< 64 x (2 taps x 64): the first tap only ever meets padding
  const float* layer2_bias;  ///< 64
  const float* layer3;       ///< 128 x 64: only the middle tap meets data
  const float* layer3_bias;  ///< 128
  const float* lstm;         ///< group of P hidden units, gate, (128 inputs, 128 hidden), P rows
  const float* lstm_bias;    ///< group, gate, P
  const float* head;         ///< 128
  float head_bias;
};

/// Working memory of one thread, for kBlockWindows windows or fewer.
struct Scratch {
  float* points;  ///< [kPoints][windows][kBinsStride]: transformed magnitudes
  float* wide;    ///< [windows][kFrames][kWide]: out of layer 0
  float* narrow;  ///< [windows][2][kNarrow]: out of layer 1
  float* single;  ///< [windows][kNarrow]: out of layer 2
  float* joined;  ///< [windows][2 * kWide]: out of layer 3, then the hidden state
  int windows;    ///< room for so many
};

/// One compiled variant.
struct Kernels {
  const char* name;
  int panel;  ///< P: rows of a packed panel
  /// Runs count windows (at most scratch->windows) through the network.  See SileroBatch::run.
  void (*run)(const Packed& weights, const Scratch& scratch, const float* const* windows,
              SileroState* const* states, float* probabilities, int count) noexcept;
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

}  // namespace silero
}  // namespace offhook
