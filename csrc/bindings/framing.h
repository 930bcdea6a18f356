// How doors frame their audio, by name.

#pragma once

#include <stdexcept>
#include <string>

#include "audio/frame_decoder.h"

namespace offhook {

/// Throws std::invalid_argument, which becomes ValueError.
inline Framing framing_of(const std::string& name) {
  if (name == "raw") return Framing::kRaw;
  if (name == "audiosocket") return Framing::kAudioSocket;
  if (name == "websocket") return Framing::kWebSocket;
  throw std::invalid_argument("framing is '" + name + "'; it can be raw, audiosocket or websocket");
}

}  // namespace offhook
