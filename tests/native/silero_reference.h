// The Silero network written down as plainly as possible, in double precision: no folding, no packing,
// no vectors, no batches.  It shares only the file reader with the code under test.

#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "vad/ggml_file.h"

namespace silero_reference {

using Matrix = std::vector<std::vector<double>>;  // [channel][time]

/// Rounds to a 16-bit float, ties to even, as the reference does before each convolution.
inline double to_half(double value) {
  if (value == 0.0) return 0.0;
  int exponent;
  std::frexp(value, &exponent);
  const double step = std::ldexp(1.0, std::max(exponent - 11, -24));
  return std::nearbyint(value / step) * step;
}

inline double sigmoid(double value) {
  return 1.0 / (1.0 + std::exp(-value));
}

class Network {
 public:
  explicit Network(const std::string& path) : hidden_(128), cell_(128) {
    std::string problem;
    if (!offhook::read_ggml(path, &file_, &problem)) throw std::runtime_error(path + ": " + problem);
  }

  /// One window of 512 samples, straight through; the state goes on to the next.
  double run(const float* samples) {
    std::vector<double> padded;
    for (int i = 64; i > 0; --i) padded.push_back(static_cast<double>(samples[i]));
    for (int i = 0; i < 512; ++i) padded.push_back(static_cast<double>(samples[i]));
    for (int i = 510; i > 446; --i) padded.push_back(static_cast<double>(samples[i]));

    const Values& basis = values("_model.stft.forward_basis_buffer");
    Matrix x(129, std::vector<double>(4));
    for (std::size_t bin = 0; bin < 129; ++bin) {
      for (std::size_t frame = 0; frame < 4; ++frame) {
        double real = 0.0, imaginary = 0.0;
        for (std::size_t n = 0; n < 256; ++n) {
          const double sample = to_half(padded[frame * 128 + n]);
          real += sample * static_cast<double>(basis[bin * 256 + n]);
          imaginary += sample * static_cast<double>(basis[(bin + 129) * 256 + n]);
        }
        x[bin][frame] = std::hypot(real, imaginary);
      }
    }
    x = convolve(x, 0, 128, 1);
    x = convolve(x, 1, 64, 2);
    x = convolve(x, 2, 64, 2);
    x = convolve(x, 3, 128, 1);
    return decode(x);
  }

 private:
  using Values = std::vector<float>;
  const Values& values(const std::string& name) const { return file_.tensors.at(name).values; }

  /// Three taps, one column of zeros on either side, then rectified.
  Matrix convolve(const Matrix& x, int layer, std::size_t outputs, std::size_t stride) const {
    const std::string name = "_model.encoder." + std::to_string(layer) + ".reparam_conv.";
    const Values& weight = values(name + "weight");
    const Values& bias = values(name + "bias");
    const std::size_t length = x[0].size();
    Matrix y(outputs);
    for (std::size_t out = 0; out < outputs; ++out) {
      for (std::size_t middle = 0; middle < length; middle += stride) {
        double sum = static_cast<double>(bias[out]);
        for (std::size_t in = 0; in < x.size(); ++in)
          for (std::size_t tap = 0; tap < 3; ++tap)
            if (middle + tap >= 1 && middle + tap - 1 < length)
              sum += static_cast<double>(weight[(out * x.size() + in) * 3 + tap]) *
                     to_half(x[in][middle + tap - 1]);
        y[out].push_back(std::max(sum, 0.0));
      }
    }
    return y;
  }

  double decode(const Matrix& x) {
    const Values& input = values("_model.decoder.rnn.weight_ih");
    const Values& hidden = values("_model.decoder.rnn.weight_hh");
    const Values& input_bias = values("_model.decoder.rnn.bias_ih");
    const Values& hidden_bias = values("_model.decoder.rnn.bias_hh");
    const Values& head = values("_model.decoder.decoder.2.weight");
    std::vector<double> gates(512);
    for (std::size_t row = 0; row < 512; ++row) {
      gates[row] = static_cast<double>(input_bias[row]) + static_cast<double>(hidden_bias[row]);
      for (std::size_t i = 0; i < 128; ++i)
        gates[row] += static_cast<double>(input[row * 128 + i]) * x[i][0] +
                      static_cast<double>(hidden[row * 128 + i]) * hidden_[i];
    }
    double logit = static_cast<double>(values("_model.decoder.decoder.2.bias")[0]);
    for (std::size_t i = 0; i < 128; ++i) {
      cell_[i] = sigmoid(gates[128 + i]) * cell_[i] + sigmoid(gates[i]) * std::tanh(gates[256 + i]);
      hidden_[i] = sigmoid(gates[384 + i]) * std::tanh(cell_[i]);
      logit += static_cast<double>(head[i]) * to_half(std::max(hidden_[i], 0.0));
    }
    return sigmoid(logit);
  }

  offhook::GgmlFile file_;
  std::vector<double> hidden_;
  std::vector<double> cell_;
};

}  // namespace silero_reference
