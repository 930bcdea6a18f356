#include "audio/media_thread.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "bindings/framing.h"
#include "bindings/module.h"

namespace offhook {
namespace {

/// A stream together with the thread that feeds it, so that neither goes before the other.
class Stream {
 public:
  Stream(std::shared_ptr<MediaThread> thread, std::shared_ptr<MediaStream> stream)
      : thread_(std::move(thread)), stream_(std::move(stream)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { close(); }

  MediaStream& get() { return *stream_; }
  void close() { thread_->loop().remove(stream_); }

  /// All of them: one event may stand for several.  With the GIL, so there is one taker at a time.
  py::list take_messages() {
    py::list list;
    uint8_t code = 0;
    for (int size = 0; (size = stream_->messages().next_size(&code)) >= 0;) {
      std::string bytes(static_cast<size_t>(size), '\0');
      stream_->messages().pop(bytes.data());
      list.append(py::make_tuple(static_cast<int>(code), py::bytes(bytes)));
    }
    return list;
  }

  py::tuple read(int64_t start, int64_t stop) {
    // Never allocate for more than exists, whatever was asked.
    start = std::max<int64_t>(start, 0);
    stop = std::clamp(stop, start, std::max(start, stream_->written_samples()));
    const int64_t room = std::min<int64_t>(stop - start, static_cast<int64_t>(stream_->capacity_samples()));
    // What is older than the ring is not here: asking for it would only need room.  Count it all the same.
    SampleArray audio(static_cast<py::ssize_t>(room));
    int16_t* out = audio.mutable_data();
    RingBuffer::Span span{};
    {
      const py::gil_scoped_release release;
      span = stream_->read(start, stop, out);
    }
    if (span.count < static_cast<size_t>(room)) audio.resize({static_cast<py::ssize_t>(span.count)});
    return py::make_tuple(span.start, audio);
  }

 private:
  std::shared_ptr<MediaThread> thread_;
  std::shared_ptr<MediaStream> stream_;
};

std::unique_ptr<Stream> add(const std::shared_ptr<MediaThread>& thread, int fd, int rate_hz, int pause_ms,
                            int endpointing_ms, double ring_s, const std::string& framing) {
  StreamOptions options;
  options.rate_hz = rate_hz;
  options.pause_ms = pause_ms;
  options.endpointing_ms = endpointing_ms;
  options.ring_ms = static_cast<int>(std::clamp(ring_s, 0.0, 1e6) * 1000);
  options.framing = framing_of(framing);
  return std::make_unique<Stream>(thread, thread->loop().add(fd, options));
}

py::list poll(MediaThread& thread) {
  py::list list;
  std::array<MediaEvent, 64> events;
  for (size_t count = events.size(); count == events.size();) {
    count = thread.loop().poll(events.data(), events.size());
    for (size_t i = 0; i < count; ++i) {
      const MediaEvent& event = events[i];
      list.append(py::make_tuple(event.stream_id, static_cast<int>(event.kind), event.position_samples,
                                 event.at_ns, event.voiced_ms));
    }
  }
  return list;
}

const char* name_of(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "";
    case EndReason::kEndOfFile:
      return "end of file";
    case EndReason::kReadError:
      return "read error";
    case EndReason::kHangUp:
      return "hang-up";
    case EndReason::kPeerError:
      return "peer error";
    case EndReason::kMalformed:
      return "malformed";
    case EndReason::kCutShort:
      return "cut short";
    case EndReason::kOtherFormat:
      return "other format";
    case EndReason::kTooFast:
      return "too fast";
    case EndReason::kNotListening:
      return "not listening";
  }
  return "";
}

template <auto Method>
auto stream_value(Stream& stream) {
  return (stream.get().*Method)();
}

}  // namespace

void bind_media_thread(py::module_& module) {
  module.def("event_kinds", [] {
    return py::make_tuple("SpeechStarted", "SpeechPaused", "SpeechResumed", "SpeechStopped", "AudioEnded",
                          "MessageReceived");
  });
  py::classh<Stream>(module, "Stream")
      .def_property_readonly("id", &stream_value<&MediaStream::id>)
      .def_property_readonly("rate_hz", &stream_value<&MediaStream::rate_hz>)
      .def_property_readonly("written_samples", &stream_value<&MediaStream::written_samples>)
      .def_property_readonly("overrun_samples", &stream_value<&MediaStream::overrun_samples>)
      .def_property_readonly("inserted_samples", &stream_value<&MediaStream::inserted_samples>)
      .def_property_readonly("dropped_events", &stream_value<&MediaStream::dropped_events>)
      .def_property_readonly("windows_run", &stream_value<&MediaStream::windows_run>)
      .def_property_readonly("windows_skipped", &stream_value<&MediaStream::windows_skipped>)
      .def_property_readonly("read_errno", &stream_value<&MediaStream::read_errno>)
      .def_property_readonly("end_reason", [](Stream& stream) { return name_of(stream.get().end_reason()); })
      .def("take_messages", &Stream::take_messages)
      .def("read", &Stream::read, py::arg("start_samples"), py::arg("stop_samples"))
      .def(
          "set_endpointing_ms", [](Stream& stream, int ms) { stream.get().set_endpointing_ms(ms); },
          py::arg("endpointing_ms"))
      .def("close", &Stream::close);
  py::classh<MediaThread>(module, "MediaThread")
      .def(py::init<std::shared_ptr<const SileroModel>, size_t>(), py::arg("model"), py::kw_only(),
           py::arg("max_streams") = MediaLoop::kDefaultMaxStreams)
      .def_property_readonly("event_fd", [](MediaThread& thread) { return thread.loop().event_fd(); })
      .def_property_readonly("cpu_ns", &MediaThread::cpu_ns)
      .def_property_readonly("rounds", [](MediaThread& thread) { return thread.loop().rounds(); })
      .def("wake", [](MediaThread& thread) { thread.loop().wake(); })
      .def_property_readonly("stream_count", [](MediaThread& thread) { return thread.loop().stream_count(); })
      .def("add", &add, py::arg("fd"), py::arg("rate_hz"), py::kw_only(), py::arg("pause_ms"),
           py::arg("endpointing_ms"), py::arg("ring_s") = 25.0, py::arg("framing") = "raw")
      .def("poll", &poll)
      .def("stop", &MediaThread::stop, py::call_guard<py::gil_scoped_release>());
}

}  // namespace offhook
