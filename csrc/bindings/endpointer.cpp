#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/module.h"
#include "vad/speech_detector.h"

namespace offhook {
namespace {

/// A detector with a network batch of its own, for audio that is already there.
class OfflineEndpointer {
 public:
  OfflineEndpointer(std::shared_ptr<const SileroModel> model, int rate_hz, int pause_ms, int endpointing_ms)
      : model_(std::move(model)), batch_(*model_, 1), detector_(checked(rate_hz), pause_ms, endpointing_ms) {}

  py::list process(const SampleArray& audio) {
    const int16_t* samples = samples_of(audio);
    auto left = static_cast<size_t>(audio.size());
    std::vector<SpeechEvent> found;
    {
      const py::gil_scoped_release release;
      while (left > 0) {
        Endpointer::Events events;
        const size_t taken = detector_.push(samples, left, &events);
        samples += taken;
        left -= taken;
        while (const float* window = detector_.window()) {
          SileroState* state = detector_.state();
          float probability = 0;
          batch_.run(&window, &state, &probability, 1);
          detector_.answer(probability, &events);
        }
        found.insert(found.end(), events.begin(), events.end());
      }
    }
    return to_list(found);
  }

  py::list finish() {
    Endpointer::Events events;
    detector_.finish(&events);
    return to_list({events.begin(), events.end()});
  }

  void set_endpointing_ms(int endpointing_ms) { detector_.set_endpointing_ms(endpointing_ms); }
  uint64_t windows_run() const { return detector_.windows_run(); }
  uint64_t windows_skipped() const { return detector_.windows_skipped(); }

 private:
  static int checked(int rate_hz) {
    if (SpeechDetector::supports(rate_hz)) return rate_hz;
    throw std::invalid_argument("rate_hz is " + std::to_string(rate_hz) + "; it can be 8000 or 16000");
  }

  static py::list to_list(const std::vector<SpeechEvent>& events) {
    py::list list;
    for (const auto& event : events) {
      list.append(py::make_tuple(static_cast<int>(event.kind), event.position_samples, event.voiced_ms));
    }
    return list;
  }

  std::shared_ptr<const SileroModel> model_;
  SileroBatch batch_;
  SpeechDetector detector_;
};

}  // namespace

void bind_endpointer(py::module_& module) {
  py::classh<OfflineEndpointer>(module, "Endpointer")
      .def(py::init<std::shared_ptr<const SileroModel>, int, int, int>(), py::arg("model"),
           py::arg("rate_hz"), py::kw_only(), py::arg("pause_ms") = 100, py::arg("endpointing_ms") = 450)
      .def("process", &OfflineEndpointer::process, py::arg("audio").noconvert())
      .def("finish", &OfflineEndpointer::finish)
      .def("set_endpointing_ms", &OfflineEndpointer::set_endpointing_ms, py::arg("endpointing_ms"))
      .def_property_readonly("windows_run", &OfflineEndpointer::windows_run)
      .def_property_readonly("windows_skipped", &OfflineEndpointer::windows_skipped);
}

}  // namespace offhook
