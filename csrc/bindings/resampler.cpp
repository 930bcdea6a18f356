#include "audio/resampler.h"

#include <algorithm>
#include <stdexcept>

#include "bindings/module.h"

namespace offhook {
namespace {

SampleArray resample_array(const SampleArray& audio, int from_hz, int to_hz) {
  const int16_t* in = samples_of(audio);
  const auto count = static_cast<size_t>(audio.size());
  std::vector<int16_t> out;
  {
    const py::gil_scoped_release release;
    out = resample(in, count, from_hz, to_hz);
  }
  // The array owns the vector: nothing is copied.
  auto* kept = new std::vector<int16_t>(std::move(out));
  const py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<int16_t>*>(p); });
  return SampleArray(static_cast<py::ssize_t>(kept->size()), kept->data(), owner);
}

}  // namespace

void bind_resampler(py::module_& module) {
  module.def("resample", &resample_array, py::arg("audio").noconvert(), py::arg("from_hz"), py::arg("to_hz"));
}

}  // namespace offhook
