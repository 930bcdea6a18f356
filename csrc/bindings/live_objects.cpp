#include "audio/live_objects.h"

#include "audio/media_thread.h"
#include "bindings/module.h"

namespace offhook {

void bind_live_objects(py::module_& module) {
  module.def(
      "live_objects",
      [] {
        py::dict counts;
        counts["ring_buffers"] = RingBuffer::live();
        counts["streams"] = MediaStream::live();
        counts["media_threads"] = MediaThread::live();
        return counts;
      },
      "Native objects alive now, by kind.");
}

}  // namespace offhook
