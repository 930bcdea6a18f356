// The parts of offhook._core, one function for each file beside this one.

#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>

namespace offhook {

namespace py = pybind11;

/// A block of samples as Python hands it over: viewed, not copied, when it is contiguous int16.
/// A wrong type is a TypeError: silently converting floats would turn speech into zeros.
using SampleArray = py::array_t<int16_t, py::array::c_style>;

/// The view's samples; throws ValueError unless the array has one dimension.
inline const int16_t* samples_of(const SampleArray& audio) {
  if (audio.ndim() != 1) throw py::value_error("audio must be one-dimensional: [samples]");
  return audio.data();
}

void bind_errors(py::module_& module);
void bind_live_objects(py::module_& module);
void bind_silero(py::module_& module);
void bind_resampler(py::module_& module);
void bind_endpointer(py::module_& module);
void bind_media_thread(py::module_& module);
void bind_playout(py::module_& module);
void bind_sender(py::module_& module);
void bind_cores(py::module_& module);
void bind_llm(py::module_& module);

}  // namespace offhook
