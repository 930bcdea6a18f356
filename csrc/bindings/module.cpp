// offhook._core: the compiled module.  Only engine/offhook/core/native.py opens it.

#include "bindings/module.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core of offhook.  Import offhook.core instead.";
  offhook::bind_errors(module);
  offhook::bind_live_objects(module);
  offhook::bind_silero(module);
  offhook::bind_resampler(module);
  offhook::bind_endpointer(module);
  offhook::bind_media_thread(module);
  offhook::bind_playout(module);
  offhook::bind_sender(module);
  offhook::bind_cores(module);
  offhook::bind_llm(module);
}
