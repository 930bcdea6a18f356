#include "vad/silero_weights.h"

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <new>
#include <vector>

namespace offhook::silero {
namespace {

/// Window, context, layers, {in, out, kernel} of each, LSTM in and hidden, head in and out.
const std::vector<std::int32_t> kShape = {512, 64, 4,  129, 128, 3,   128, 64,  3, 64,
                                          64,  3,  64, 128, 3,   128, 128, 128, 1};

/// Weights up to this size cannot drive any sum of the network to infinity, whatever the input; the
/// published ones stay below 60.
constexpr float kLargestWeight = 1e4f;

/// Hands out tensors by name; remembers the first that is missing or of another shape.
class Tensors {
 public:
  explicit Tensors(const GgmlFile& file) : file_(file) {}

  const float* get(const std::string& name, std::initializer_list<std::int32_t> sizes) {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) return fail("lacks tensor " + name);
    if (found->second.sizes != std::vector<std::int32_t>(sizes)) return fail("has another shape of " + name);
    return found->second.values.data();
  }
  const std::string& problem() const { return problem_; }

 private:
  const float* fail(std::string text) {
    if (problem_.empty()) problem_ = std::move(text);
    return nullptr;
  }
  const GgmlFile& file_;
  std::string problem_;
};

/// What the file holds, row by row as trained.
struct Raw {
  const float* basis;      // [258][256]: cosines of 129 bins, then sines
  const float* weight[4];  // [out][in][3]
  const float* bias[4];
  const float* input;        // [512][128]: gates in the order input, forget, cell, output
  const float* hidden;       // [512][128]
  const float* input_bias;   // [512]
  const float* hidden_bias;  // [512]
  const float* head;         // [128]
  const float* head_bias;    // [1]
};

float cosine(const float* basis, int bin, int sample) {
  return basis[bin * kFourier + sample];
}
float sine(const float* basis, int bin, int sample) {
  return basis[(kBins + bin) * kFourier + sample];
}

/// The kernels add up samples that share a weight, which is exact only for a basis with a Fourier
/// transform's symmetries.  The published files have them to the last bit.
bool is_symmetric(const float* basis) {
  constexpr float kTolerance = 1e-6f;
  auto differs = [](float a, float b) { return std::fabs(a - b) > kTolerance; };
  for (int bin = 0; bin < kBins; ++bin) {
    if (differs(cosine(basis, bin, 0), 0.0f) || differs(sine(basis, bin, 0), 0.0f) ||
        differs(sine(basis, bin, 128), 0.0f))
      return false;
    for (int sample = 1; sample < kFourier; ++sample) {
      const float sign = sample % 2 == 0 ? 1.0f : -1.0f;
      if (differs(cosine(basis, bin, sample), cosine(basis, bin, kFourier - sample)) ||
          differs(sine(basis, bin, sample), -sine(basis, bin, kFourier - sample)) ||
          differs(cosine(basis, bin, sample), sign * cosine(basis, kBins - 1 - bin, sample)) ||
          differs(sine(basis, bin, sample), -sign * sine(basis, kBins - 1 - bin, sample)))
        return false;
    }
  }
  return true;
}

/// Writes matrices one after the other into the storage.
class Packer {
 public:
  Packer(float* to, int panel) : next_(to), panel_(panel) {}

  /// rows x columns values in panels; value(row, column).
  template <class Value>
  const float* matrix(int rows, int columns, Value value) {
    const float* start = next_;
    for (int first = 0; first < rows; first += panel_)
      for (int column = 0; column < columns; ++column)
        for (int row = first; row < first + panel_; ++row) *next_++ = value(row, column);
    align();
    return start;
  }
  const float* vector(const float* from, int count) {
    const float* start = next_;
    std::memcpy(next_, from, static_cast<std::size_t>(count) * sizeof(float));
    next_ += count;
    align();
    return start;
  }

 private:
  void align() {
    while (reinterpret_cast<std::uintptr_t>(next_) % kAlign) ++next_;
  }
  float* next_;
  int panel_;
};

/// The order in which the kernels keep the bins of a spectrum: 0 .. 63, 128 .. 65, 64.
int bin_at(int place) {
  if (place < kFold) return place;
  return place < 2 * kFold ? 128 - (place - kFold) : 64;
}

/// Weight side of F(4,3): three taps to six points.
float point_weight(const float* taps, int point) {
  const double a = static_cast<double>(taps[0]), b = static_cast<double>(taps[1]),
               c = static_cast<double>(taps[2]);
  const double values[kPoints] = {
      a / 4, -(a + b + c) / 6, -(a - b + c) / 6, a / 24 + b / 12 + c / 6, a / 24 - b / 12 + c / 6, c};
  return static_cast<float>(values[point]);
}

Packed pack(const Raw& raw, int panel, float* storage) {
  Packer packer(storage, panel);
  Packed packed{};
  // Four matrices below each other: rows are bins, columns are folded samples (see fold_window).
  packed.spectrum = packer.matrix(4 * kFold, kFold, [&](int row, int column) {
    const int bin = row % kFold;
    const int even = 2 * (column + 1), odd = 2 * column + 1;
    switch (row / kFold) {
      case 0:
        return cosine(raw.basis, bin, even) * (even == 128 ? 0.5f : 1.0f);
      case 1:
        return cosine(raw.basis, bin, odd);
      case 2:
        return sine(raw.basis, bin, even);
      default:
        return sine(raw.basis, bin == 0 ? 64 : bin, odd);
    }
  });
  std::vector<float> bin64(kFold);
  for (int i = 0; i < kFold; ++i) bin64[static_cast<std::size_t>(i)] = cosine(raw.basis, 64, 2 * (i + 1));
  bin64.back() *= 0.5f;
  packed.bin64 = packer.vector(bin64.data(), kFold);

  packed.layer0 = packer.matrix(kWide, kPoints * kBins, [&](int row, int column) {
    return point_weight(raw.weight[0] + (row * kBins + bin_at(column % kBins)) * 3, column / kBins);
  });
  packed.layer0_bias = packer.vector(raw.bias[0], kWide);
  packed.layer1 = packer.matrix(kNarrow, 3 * kWide, [&](int row, int column) {
    return raw.weight[1][(row * kWide + column % kWide) * 3 + column / kWide];
  });
  packed.layer1_bias = packer.vector(raw.bias[1], kNarrow);
  packed.layer2 = packer.matrix(kNarrow, 2 * kNarrow, [&](int row, int column) {
    return raw.weight[2][(row * kNarrow + column % kNarrow) * 3 + column / kNarrow + 1];
  });
  packed.layer2_bias = packer.vector(raw.bias[2], kNarrow);
  packed.layer3 = packer.matrix(
      kWide, kNarrow, [&](int row, int column) { return raw.weight[3][(row * kNarrow + column) * 3 + 1]; });
  packed.layer3_bias = packer.vector(raw.bias[3], kWide);

  // Row order: group of panel hidden units, gate, unit.
  auto trained_row = [&](int row) {
    const int group = row / (panel * kGates), gate = row / panel % kGates;
    return gate * kWide + group * panel + row % panel;
  };
  packed.lstm = packer.matrix(kGates * kWide, 2 * kWide, [&](int row, int column) {
    const int from = trained_row(row) * kWide;
    return column < kWide ? raw.input[from + column] : raw.hidden[from + column - kWide];
  });
  packed.lstm_bias = packer.matrix(kGates * kWide, 1, [&](int row, int) {
    return raw.input_bias[trained_row(row)] + raw.hidden_bias[trained_row(row)];
  });
  packed.head = packer.vector(raw.head, kWide);
  packed.head_bias = raw.head_bias[0];
  return packed;
}

/// Room for everything that pack() writes, with alignment to spare.
constexpr std::size_t kPackedFloats = 4 * kFold * kFold + kFold + kPoints * kBins * kWide + kWide +
                                      3 * kWide * kNarrow + kNarrow + 2 * kNarrow * kNarrow + kNarrow +
                                      kNarrow * kWide + kWide + kGates * kWide * (2 * kWide + 1) + kWide +
                                      16 * kAlign / sizeof(float);

}  // namespace

AlignedFloats allocate_floats(std::size_t count) {
  const std::size_t bytes = (count * sizeof(float) + kAlign - 1) / kAlign * kAlign;
  void* block = std::aligned_alloc(kAlign, bytes);
  if (!block) throw std::bad_alloc();
  std::memset(block, 0, bytes);
  return AlignedFloats(static_cast<float*>(block));
}

std::unique_ptr<const Weights> pack_weights(const GgmlFile& file, const Kernels& kernels,
                                            std::string* problem) {
  if (file.type != "silero-16k") {
    *problem = "is not a 16 kHz Silero network";
    return nullptr;
  }
  if (file.hyper_parameters != kShape) {
    *problem = "is a Silero network of another shape";
    return nullptr;
  }
  for (const auto& [name, tensor] : file.tensors) {
    for (float value : tensor.values) {
      if (std::fabs(value) <= kLargestWeight) continue;
      *problem = "has an absurd value in tensor " + name;
      return nullptr;
    }
  }
  Tensors tensors(file);
  Raw raw{};
  raw.basis = tensors.get("_model.stft.forward_basis_buffer", {256, 1, 258});
  const std::int32_t widths[] = {129, 128, 64, 64, 128};
  for (int i = 0; i < 4; ++i) {
    const std::string layer = "_model.encoder." + std::to_string(i) + ".reparam_conv.";
    raw.weight[i] = tensors.get(layer + "weight", {3, widths[i], widths[i + 1]});
    raw.bias[i] = tensors.get(layer + "bias", {widths[i + 1]});
  }
  raw.input = tensors.get("_model.decoder.rnn.weight_ih", {128, 512});
  raw.hidden = tensors.get("_model.decoder.rnn.weight_hh", {128, 512});
  raw.input_bias = tensors.get("_model.decoder.rnn.bias_ih", {512});
  raw.hidden_bias = tensors.get("_model.decoder.rnn.bias_hh", {512});
  raw.head = tensors.get("_model.decoder.decoder.2.weight", {128});
  raw.head_bias = tensors.get("_model.decoder.decoder.2.bias", {});
  *problem = tensors.problem();
  if (problem->empty() && !is_symmetric(raw.basis))
    *problem = "holds a spectrum basis that is no Fourier transform";
  if (!problem->empty()) return nullptr;

  auto weights = std::make_unique<Weights>();
  weights->kernels = &kernels;
  weights->storage = allocate_floats(kPackedFloats);
  weights->packed = pack(raw, kernels.panel, weights->storage.get());
  return weights;
}

}  // namespace offhook::silero
