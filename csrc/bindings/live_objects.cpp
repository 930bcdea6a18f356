#include "base/live_objects.h"

#include "audio/media_thread.h"
#include "audio/playout_thread.h"
#include "audio/sender_thread.h"
#include "base/cores.h"
#include "bindings/module.h"
#include "llm/engine.h"
#include "vad/silero.h"

namespace offhook {

void bind_live_objects(py::module_& module) {
  module.def(
      "live_objects",
      [] {
        py::dict counts;
        counts["ring_buffers"] = RingBuffer::live();
        counts["streams"] = MediaStream::live();
        counts["silero_models"] = SileroModel::live();
        counts["silero_batches"] = SileroBatch::live();
        counts["media_threads"] = MediaThread::live();
        counts["playout_files"] = PlayoutFile::live();
        counts["playout_threads"] = PlayoutThread::live();
        counts["playout_buffers"] = PlayoutBuffer::live();
        counts["senders"] = Sender::live();
        counts["sender_threads"] = SenderThread::live();
        counts["core_places"] = CorePlace::live();
        const llm::LiveObjects llm = llm::live_objects();
        counts["llm_engines"] = llm.engines;
        counts["llm_conversations"] = llm.conversations;
        counts["llm_generations"] = llm.generations;
        counts["llm_prefixes"] = llm.prefixes;
        return counts;
      },
      "Native objects alive now, by kind.");
}

}  // namespace offhook
