// Frames of AudioSocket and chan_websocket, and EAGI's bytes: anything at all, cut anywhere.
//
// Held to frame_decoder.h: pieces lie in what was given or in the decoder, messages are bounded, an end stays
// the end; and where the stream is cut on its way changes nothing of the audio, the messages or the end.

#include "audio/frame_decoder.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using offhook::FrameDecoder;
using offhook::Framing;

struct Heard {
  std::string audio;
  std::vector<std::string> messages;
  offhook::EndReason end = offhook::EndReason::kNone;

  bool operator==(const Heard&) const = default;
};

void require(bool holds) {
  if (!holds) std::abort();
}

Heard decode(Framing framing, int rate_hz, const std::string& data, size_t step) {
  FrameDecoder decoder(framing, rate_hz);
  Heard heard;
  for (size_t at = 0; at < data.size(); at += step) {
    std::string block = data.substr(at, step);  // a copy: payloads are unmasked where they lie
    char* bytes = block.data();
    size_t count = block.size();
    while (true) {
      const char* before = bytes;
      const FrameDecoder::Piece piece = decoder.next(&bytes, &count);
      require(bytes + count == block.data() + block.size());
      if (piece.kind == FrameDecoder::Kind::kNone) {
        require(count == 0);
        break;
      }
      if (piece.kind == FrameDecoder::Kind::kEnd) {
        heard.end = piece.reason;
        require(decoder.next(&bytes, &count).kind == FrameDecoder::Kind::kEnd);
        return heard;
      }
      if (piece.kind == FrameDecoder::Kind::kAudio) {
        require(piece.size > 0 && piece.bytes >= before &&
                piece.bytes + piece.size <= block.data() + block.size());
        heard.audio.append(piece.bytes, piece.size);
      } else {
        require(piece.size <= FrameDecoder::kMostMessageBytes);
        heard.messages.emplace_back(piece.bytes, piece.size);
        heard.messages.back().push_back(static_cast<char>(piece.code));
      }
    }
  }
  heard.end = decoder.closed();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto framing = static_cast<Framing>(data[0] % 3);
  const int rate_hz = (data[0] & 4) != 0 ? 16'000 : 8'000;
  const size_t step = data[1] % 32 + 1;
  const std::string stream(reinterpret_cast<const char*>(data + 2), size - 2);
  if (stream.empty()) return 0;
  require(decode(framing, rate_hz, stream, stream.size()) == decode(framing, rate_hz, stream, step));
  return 0;
}
