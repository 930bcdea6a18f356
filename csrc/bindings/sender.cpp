// Senders for Python.
//
// Everything that takes a sender's lock, a buffer's or the thread's, does so without the GIL: whoever holds
// them may be sending.  Only the destructors keep it, when the last reference goes.

#include "audio/sender.h"

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "audio/sender_thread.h"
#include "bindings/framing.h"
#include "bindings/module.h"

namespace offhook {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

/// A sender together with its thread, so that neither goes before the other.
class Line {
 public:
  Line(std::shared_ptr<SenderThread> thread, std::shared_ptr<Sender> sender)
      : thread_(std::move(thread)), sender_(std::move(sender)) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { close(); }

  const Sender& get() const { return *sender_; }
  uint64_t play(const std::shared_ptr<PlayoutBuffer>& buffer, int64_t offset_samples) {
    return thread_->play(*sender_, buffer, offset_samples);
  }
  bool stop() { return thread_->stop_playback(*sender_); }
  void send_message(uint8_t code, const std::string& bytes) {
    const py::gil_scoped_release release;
    thread_->send_message(*sender_, code, bytes.data(), bytes.size());
  }
  void close() { thread_->remove(sender_); }

 private:
  std::shared_ptr<SenderThread> thread_;
  std::shared_ptr<Sender> sender_;
};

std::unique_ptr<Line> add(const std::shared_ptr<SenderThread>& thread, int fd, int rate_hz,
                          const std::string& framing, int lead_ms) {
  SenderOptions options;
  options.rate_hz = rate_hz;
  options.framing = framing_of(framing);
  options.lead_ms = lead_ms;
  const py::gil_scoped_release release;
  return std::make_unique<Line>(thread, thread->add(fd, options));
}

py::list poll(SenderThread& thread) {
  py::list list;
  std::array<SenderEvent, 64> events;
  for (size_t count = events.size(); count == events.size();) {
    count = thread.poll(events.data(), events.size());
    for (size_t i = 0; i < count; ++i) {
      const SenderEvent& event = events[i];
      list.append(py::make_tuple(event.sender_id, event.playback, event.kind == SenderEvent::Kind::kBroken));
    }
  }
  return list;
}

void write(PlayoutBuffer& buffer, const SampleArray& audio) {
  const int16_t* samples = samples_of(audio);
  const auto count = static_cast<size_t>(audio.size());
  const py::gil_scoped_release release;
  buffer.write(samples, count);
}

int64_t checked(int64_t at_ns) {
  if (at_ns < 0) throw std::invalid_argument("a monotonic time is not negative");
  return at_ns;
}

SampleArray played(const PlayoutBuffer& buffer, int64_t start_ns, int64_t stop_ns) {
  const int64_t length_ns = std::max<int64_t>(0, checked(stop_ns) - checked(start_ns));
  if (length_ns > PlayoutTimeline::kMaxFileMs * int64_t{1'000'000}) {
    throw std::invalid_argument("no answer is that long: played() covers at most 600 s");
  }
  const int64_t count = length_ns * buffer.rate_hz() / 1'000'000'000;
  SampleArray audio(static_cast<py::ssize_t>(count));
  int16_t* out = audio.mutable_data();
  const py::gil_scoped_release release;
  buffer.played(start_ns, out, count);
  return audio;
}

SampleArray content(const PlayoutBuffer& buffer, int64_t start, int64_t stop) {
  // Never allocate for more than exists, whatever was asked.
  int64_t written = 0;
  {
    const py::gil_scoped_release release;
    written = buffer.written_samples();
  }
  start = std::clamp<int64_t>(start, 0, written);
  stop = std::clamp(stop, start, written);
  SampleArray audio(static_cast<py::ssize_t>(stop - start));
  int16_t* out = audio.mutable_data();
  const py::gil_scoped_release release;
  buffer.content(start, stop, out);
  return audio;
}

template <auto Method>
auto buffer_value(const PlayoutBuffer& buffer) {
  const py::gil_scoped_release release;
  return (buffer.*Method)();
}

template <auto Method>
auto line_value(const Line& line) {
  const py::gil_scoped_release release;
  return (line.get().*Method)();
}

}  // namespace

void bind_sender(py::module_& module) {
  py::classh<PlayoutBuffer>(module, "PlayoutBuffer")
      .def(py::init<int>(), py::arg("rate_hz"))
      .def_property_readonly("rate_hz", &buffer_value<&PlayoutBuffer::rate_hz>)
      .def_property_readonly("playing", &buffer_value<&PlayoutBuffer::playing>)
      .def_property_readonly("finished", &buffer_value<&PlayoutBuffer::finished>)
      .def_property_readonly("written_samples", &buffer_value<&PlayoutBuffer::written_samples>)
      .def_property_readonly("file_samples", &buffer_value<&PlayoutBuffer::file_samples>)
      .def_property_readonly("padded_samples", &buffer_value<&PlayoutBuffer::padded_samples>)
      .def_property_readonly("underruns", &buffer_value<&PlayoutBuffer::underruns>)
      .def("write", &write, py::arg("audio").noconvert())
      .def("finish", &PlayoutBuffer::finish, NoGil())
      .def(
          "position",
          [](const PlayoutBuffer& buffer, int64_t now_ns) { return buffer.position(checked(now_ns)); },
          py::arg("now_ns"), NoGil())
      .def("audible_until", &PlayoutBuffer::audible_until, py::arg("file_samples"), NoGil())
      .def("file_position", &PlayoutBuffer::file_position, py::arg("content_samples"), NoGil())
      .def("played", &played, py::arg("start_ns"), py::arg("stop_ns"))
      .def("content", &content, py::arg("start_samples"), py::arg("stop_samples"));
  py::classh<Line>(module, "Sender")
      .def_property_readonly("id", &line_value<&Sender::id>)
      .def_property_readonly("playing", &line_value<&Sender::playing>)
      .def_property_readonly("broken", &line_value<&Sender::broken>)
      .def_property_readonly("sent_samples", &line_value<&Sender::sent_samples>)
      .def_property_readonly("frames_sent", &line_value<&Sender::frames_sent>)
      .def_property_readonly("skipped_ns", &line_value<&Sender::skipped_ns>)
      .def("play", &Line::play, py::arg("audio"), py::arg("offset_samples") = 0, NoGil())
      .def("stop", &Line::stop, NoGil())
      .def(
          "send_message",
          [](Line& line, uint8_t code, const py::bytes& payload) {
            line.send_message(code, std::string(std::string_view(payload)));
          },
          py::arg("code"), py::arg("payload"))
      .def("close", &Line::close, NoGil());
  py::classh<SenderThread>(module, "SenderThread")
      .def(py::init<size_t>(), py::kw_only(), py::arg("max_senders") = SenderThread::kDefaultMaxSenders)
      .def_property_readonly("event_fd", &SenderThread::event_fd)
      .def_property_readonly("sender_count",
                             [](const SenderThread& thread) {
                               const py::gil_scoped_release release;
                               return thread.sender_count();
                             })
      .def_property_readonly("rounds", &SenderThread::rounds)
      .def("wake", &SenderThread::wake)
      .def("add", &add, py::arg("fd"), py::arg("rate_hz"), py::kw_only(), py::arg("framing"),
           py::arg("lead_ms") = 0)
      .def("poll", &poll)
      .def("stop", &SenderThread::stop, NoGil());
}

}  // namespace offhook
