// Growing playback files for Python.
//
// Everything that takes a file's lock, or the playout thread's, does so without the GIL: whoever holds them
// may be writing.  Only the destructor keeps it, when the last reference goes.

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "audio/playout_thread.h"
#include "bindings/module.h"

namespace offhook {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

/// A file together with the thread that keeps it ahead, so that neither goes before the other.
class Playout {
 public:
  Playout(std::shared_ptr<PlayoutThread> thread, std::shared_ptr<PlayoutFile> file)
      : thread_(std::move(thread)), file_(std::move(file)) {}
  Playout(const Playout&) = delete;
  Playout& operator=(const Playout&) = delete;
  ~Playout() { file_->close(); }

  const PlayoutFile& get() const { return *file_; }

  void write(const SampleArray& audio) {
    const int16_t* samples = samples_of(audio);
    const auto count = static_cast<size_t>(audio.size());
    const py::gil_scoped_release release;
    file_->write(samples, count);
  }

  void finish() { file_->finish(); }
  void close() { file_->close(); }
  void start(int64_t at_ns, int64_t offset_samples) { thread_->start(file_, checked(at_ns), offset_samples); }
  void stop(int64_t at_ns) { file_->stop(checked(at_ns)); }
  int64_t position(int64_t now_ns) const { return file_->position(checked(now_ns)); }
  int64_t file_position(int64_t content) const { return file_->file_position(content); }

  SampleArray played(int64_t start_ns, int64_t stop_ns) const {
    const int64_t length_ns = std::max<int64_t>(0, checked(stop_ns) - checked(start_ns));
    if (length_ns > PlayoutTimeline::kMaxFileMs * int64_t{1'000'000}) {
      throw std::invalid_argument("no file is that long: played() covers at most 600 s");
    }
    const int64_t count = length_ns * file_->rate_hz() / 1'000'000'000;
    SampleArray audio(static_cast<py::ssize_t>(count));
    int16_t* out = audio.mutable_data();
    const py::gil_scoped_release release;
    file_->played(start_ns, out, count);
    return audio;
  }

  SampleArray content(int64_t start, int64_t stop) const {
    // Never allocate for more than exists, whatever was asked.
    int64_t written = 0;
    {
      const py::gil_scoped_release release;
      written = file_->written_samples();
    }
    start = std::clamp<int64_t>(start, 0, written);
    stop = std::clamp(stop, start, written);
    SampleArray audio(static_cast<py::ssize_t>(stop - start));
    int16_t* out = audio.mutable_data();
    const py::gil_scoped_release release;
    file_->content(start, stop, out);
    return audio;
  }

 private:
  static int64_t checked(int64_t at_ns) {
    if (at_ns < 0) throw std::invalid_argument("a monotonic time is not negative");
    return at_ns;
  }

  std::shared_ptr<PlayoutThread> thread_;
  std::shared_ptr<PlayoutFile> file_;
};

std::unique_ptr<Playout> open(const std::shared_ptr<PlayoutThread>& thread, const std::string& path,
                              int rate_hz, int lead_ms) {
  return std::make_unique<Playout>(thread, std::make_shared<PlayoutFile>(path, rate_hz, lead_ms));
}

template <auto Method>
auto value(const Playout& playout) {
  const py::gil_scoped_release release;
  return (playout.get().*Method)();
}

}  // namespace

void bind_playout(py::module_& module) {
  py::classh<Playout>(module, "PlayoutFile")
      .def_property_readonly("rate_hz", &value<&PlayoutFile::rate_hz>)
      .def_property_readonly("playing", &value<&PlayoutFile::playing>)
      .def_property_readonly("finished", &value<&PlayoutFile::finished>)
      .def_property_readonly("written_samples", &value<&PlayoutFile::written_samples>)
      .def_property_readonly("file_samples", &value<&PlayoutFile::file_samples>)
      .def_property_readonly("padded_samples", &value<&PlayoutFile::padded_samples>)
      .def_property_readonly("underruns", &value<&PlayoutFile::underruns>)
      .def_property_readonly("write_errno", &value<&PlayoutFile::write_errno>)
      .def("write", &Playout::write, py::arg("audio").noconvert())
      .def("finish", &Playout::finish, NoGil())
      .def("start", &Playout::start, py::arg("at_ns"), py::arg("offset_samples") = 0, NoGil())
      .def("stop", &Playout::stop, py::arg("at_ns"), NoGil())
      .def("position", &Playout::position, py::arg("now_ns"), NoGil())
      .def("file_position", &Playout::file_position, py::arg("content_samples"), NoGil())
      .def("played", &Playout::played, py::arg("start_ns"), py::arg("stop_ns"))
      .def("content", &Playout::content, py::arg("start_samples"), py::arg("stop_samples"))
      .def("close", &Playout::close, NoGil());
  py::classh<PlayoutThread>(module, "PlayoutThread")
      .def(py::init<>())
      .def_property_readonly_static("default_lead_ms",
                                    [](const py::object&) { return PlayoutFile::kDefaultLeadMs; })
      .def_property_readonly("playing_count",
                             [](const PlayoutThread& thread) {
                               const py::gil_scoped_release release;
                               return thread.playing_count();
                             })
      .def_property_readonly("rounds", &PlayoutThread::rounds)
      .def("wake", &PlayoutThread::wake)
      .def("open", &open, py::arg("path"), py::arg("rate_hz"), py::kw_only(), py::arg("lead_ms"), NoGil())
      .def("stop", &PlayoutThread::stop, NoGil());
}

}  // namespace offhook
