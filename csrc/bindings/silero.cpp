#include "vad/silero.h"

#include <memory>
#include <string>
#include <vector>

#include "bindings/errors.h"
#include "bindings/module.h"

namespace offhook {
namespace {

std::shared_ptr<SileroModel> load(const std::string& path) {
  std::string error;
  std::unique_ptr<SileroModel> model;
  {
    const py::gil_scoped_release release;
    model = SileroModel::load(path, &error);
  }
  if (!model) throw ModelLoadError(error);
  return model;
}

/// A fixed number of streams, each with its state, advanced together.
class Batch {
 public:
  Batch(std::shared_ptr<const SileroModel> model, int streams)
      : model_(std::move(model)), batch_(*model_, streams), states_(static_cast<size_t>(streams)) {
    for (auto& state : states_) state_pointers_.push_back(&state);
    window_pointers_.resize(states_.size());
  }

  py::array_t<float> process(const py::array_t<float, py::array::c_style>& windows) {
    const auto count = static_cast<py::ssize_t>(states_.size());
    if (windows.ndim() != 2 || windows.shape(0) != count || windows.shape(1) != kSileroWindowSamples) {
      throw py::value_error("windows must be [" + std::to_string(count) + ", " +
                            std::to_string(kSileroWindowSamples) + "]");
    }
    py::array_t<float> probabilities(count);
    const float* first = windows.data();
    float* out = probabilities.mutable_data();
    const py::gil_scoped_release release;
    for (size_t i = 0; i < states_.size(); ++i) window_pointers_[i] = first + i * kSileroWindowSamples;
    batch_.run(window_pointers_.data(), state_pointers_.data(), out, static_cast<int>(count));
    return probabilities;
  }

  void reset(size_t stream) {
    if (stream >= states_.size()) throw py::index_error("stream " + std::to_string(stream));
    states_[stream].reset();
  }

 private:
  std::shared_ptr<const SileroModel> model_;
  SileroBatch batch_;
  std::vector<SileroState> states_;
  std::vector<SileroState*> state_pointers_;
  std::vector<const float*> window_pointers_;
};

std::unique_ptr<Batch> make_batch(std::shared_ptr<const SileroModel> model, int streams) {
  if (streams < 1 || streams > 1024) throw py::value_error("streams must be 1 to 1024");
  return std::make_unique<Batch>(std::move(model), streams);
}

}  // namespace

void bind_silero(py::module_& module) {
  py::classh<SileroModel>(module, "SileroModel")
      .def(py::init(&load), py::arg("path"))
      .def_property_readonly_static("window_samples", [](const py::object&) { return kSileroWindowSamples; })
      .def_property_readonly_static("rate_hz", [](const py::object&) { return 16000; });
  py::classh<Batch>(module, "SileroBatch")
      .def(py::init(&make_batch), py::arg("model"), py::arg("streams"))
      .def("process", &Batch::process, py::arg("windows").noconvert())
      .def("reset", &Batch::reset, py::arg("stream"));
}

}  // namespace offhook
