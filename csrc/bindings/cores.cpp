// Who may compute when, for Python's threads.

#include "base/cores.h"

#include "bindings/module.h"

namespace offhook {

void bind_cores(py::module_& module) {
  using NoGil = py::call_guard<py::gil_scoped_release>;
  py::classh<Cores>(module, "Cores")
      .def(py::init<int32_t>(), py::arg("count"))
      .def_property_readonly("count", &Cores::count)
      .def("stats", [](const Cores& cores) {
        const Cores::Stats stats = cores.stats();
        using namespace py::literals;
        return py::dict("running"_a = stats.running, "waiting"_a = stats.waiting, "entered"_a = stats.entered,
                        "waited"_a = stats.waited, "waited_ns"_a = stats.waited_ns, "most"_a = stats.most);
      });
  py::classh<CorePlace>(module, "CorePlace")
      .def(py::init<std::shared_ptr<Cores>>(), py::arg("cores"))
      .def(
          "urge",
          [](CorePlace& place, int32_t urgency, int64_t since_ns) { place.urge({urgency, since_ns}); },
          py::arg("urgency"), py::arg("since_ns"))
      .def(
          "enter",
          [](CorePlace& place, int32_t most, double limit_s) {
            return place.enter(most, static_cast<int64_t>(limit_s * 1e9));
          },
          py::arg("most"), py::arg("limit_s"), NoGil())
      .def("leave", &CorePlace::leave)
      .def("wanted", &CorePlace::wanted)
      .def_property_readonly("cores", &CorePlace::cores);
}

}  // namespace offhook
