// Two framings taken apart: whole, in every possible cut, and as strangers send them.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audio/frame_decoder.h"
#include "audio/message_ring.h"

using offhook::EndReason;
using offhook::FrameDecoder;
using offhook::Framing;
using offhook::MessageRing;

namespace {

struct Decoded {
  std::string audio;
  std::vector<std::pair<int, std::string>> messages;
  EndReason end = EndReason::kNone;
  bool operator==(const Decoded&) const = default;
};

void feed(FrameDecoder* decoder, std::string bytes, Decoded* into) {
  char* at = bytes.data();
  size_t count = bytes.size();
  for (;;) {
    const FrameDecoder::Piece piece = decoder->next(&at, &count);
    if (piece.kind == FrameDecoder::Kind::kNone) {
      CHECK(count == 0);
      return;
    }
    if (piece.kind == FrameDecoder::Kind::kAudio) into->audio.append(piece.bytes, piece.size);
    if (piece.kind == FrameDecoder::Kind::kMessage) {
      into->messages.emplace_back(piece.code, std::string(piece.bytes, piece.size));
    }
    if (piece.kind == FrameDecoder::Kind::kEnd) {
      into->end = piece.reason;
      return;
    }
  }
}

Decoded decode(Framing framing, const std::string& bytes, size_t step, int rate_hz = 8000) {
  FrameDecoder decoder(framing, rate_hz);
  Decoded decoded;
  for (size_t at = 0; at < bytes.size() && decoded.end == EndReason::kNone; at += step) {
    feed(&decoder, bytes.substr(at, step), &decoded);
  }
  if (decoded.end == EndReason::kNone) decoded.end = decoder.closed();
  return decoded;
}

std::string tlv(int type, const std::string& payload) {
  std::string out{static_cast<char>(type), static_cast<char>(payload.size() >> 8),
                  static_cast<char>(payload.size() & 0xff)};
  return out + payload;
}

/// As a client sends it.  first: the frame's first byte.
std::string masked(int first, std::string payload) {
  std::string out{static_cast<char>(first)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  const std::string mask = "\x11\xc2\x5a\x07";
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
  return out + mask + payload;
}

std::string some_audio(size_t bytes, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string out(bytes, '\0');
  for (char& byte : out) byte = static_cast<char>(random());
  return out;
}

}  // namespace

TEST_CASE("raw bytes are audio, whatever they are") {
  const std::string audio = some_audio(1001);
  for (const size_t step : {size_t{1}, size_t{7}, size_t{1001}}) {
    CHECK(decode(Framing::kRaw, audio, step) == Decoded{audio, {}, EndReason::kEndOfFile});
  }
}

TEST_CASE("a call's bytes mean the same, wherever the network has cut them") {
  const std::string uuid = some_audio(16, 2), one = some_audio(320, 3), two = some_audio(640, 4);
  std::string audiosocket = tlv(0x01, uuid);
  std::string websocket = masked(0x81, "MEDIA_XON");
  for (int i = 0; i < 3; ++i) {
    audiosocket += tlv(0x10, one) + tlv(0x10, "") + tlv(0x03, "#") + tlv(0x10, two);
    // A message in two parts with a ping in between, as RFC 6455 allows.
    websocket += masked(0x82, one) + masked(0x02, two.substr(0, 300)) + masked(0x89, "are you there") +
                 masked(0x80, two.substr(300)) + masked(0x01, "DTMF_") + masked(0x8a, "") +
                 masked(0x80, "END #");
  }
  const std::string audio = one + two + one + two + one + two;
  Decoded from_audiosocket{
      audio, {{0x01, uuid}, {0x03, "#"}, {0x03, "#"}, {0x03, "#"}}, EndReason::kEndOfFile};
  Decoded from_websocket{audio, {{0x1, "MEDIA_XON"}}, EndReason::kEndOfFile};
  for (int i = 0; i < 3; ++i) {
    from_websocket.messages.insert(from_websocket.messages.end(),
                                   {{0x9, "are you there"}, {0xa, ""}, {0x1, "DTMF_END #"}});
  }
  for (const size_t step : {1, 2, 3, 5, 17, 320, 323, 4096}) {
    CAPTURE(step);
    CHECK(decode(Framing::kAudioSocket, audiosocket, step) == from_audiosocket);
    CHECK(decode(Framing::kWebSocket, websocket, step) == from_websocket);
  }
}

TEST_CASE("an end has its reason, and nothing comes behind it") {
  struct Case {
    const char* what;
    Framing framing;
    std::string bytes;
    EndReason end;
  };
  const std::string audio = some_audio(320);
  const std::string tail = tlv(0x10, audio);
  const std::vector<Case> cases = {
      {"hang-up", Framing::kAudioSocket, tail + tlv(0x00, ""), EndReason::kHangUp},
      {"an error", Framing::kAudioSocket, tail + tlv(0xff, "\x01"), EndReason::kPeerError},
      {"audio of another rate", Framing::kAudioSocket, tail + tlv(0x12, audio), EndReason::kOtherFormat},
      {"half a sample", Framing::kAudioSocket, tail + tlv(0x10, "odd"), EndReason::kMalformed},
      {"a type that is none", Framing::kAudioSocket, tail + tlv(0x47, "ET / HTTP/1.1"),
       EndReason::kMalformed},
      {"a key of 60 kB", Framing::kAudioSocket, tail + tlv(0x03, std::string(60'000, '1')),
       EndReason::kMalformed},
      {"a header cut short", Framing::kAudioSocket, tail + std::string("\x10\x01", 2), EndReason::kCutShort},
      {"a frame cut short", Framing::kAudioSocket, tail + tlv(0x10, audio).substr(0, 200),
       EndReason::kCutShort},
      {"close", Framing::kWebSocket, masked(0x88, "\x03\xe8"), EndReason::kHangUp},
      {"not masked", Framing::kWebSocket, std::string("\x82\x02\x01\x02", 4), EndReason::kMalformed},
      {"an extension nobody agreed on", Framing::kWebSocket, masked(0xc2, audio), EndReason::kMalformed},
      {"an opcode that is none", Framing::kWebSocket, masked(0x83, audio), EndReason::kMalformed},
      {"a ping that is long", Framing::kWebSocket, masked(0x89, std::string(200, 'x')),
       EndReason::kMalformed},
      {"a ping in parts", Framing::kWebSocket, masked(0x09, "x"), EndReason::kMalformed},
      {"a continuation of nothing", Framing::kWebSocket, masked(0x80, audio), EndReason::kMalformed},
      {"a message within a message", Framing::kWebSocket, masked(0x02, audio) + masked(0x82, audio),
       EndReason::kMalformed},
      {"control of 3 kB", Framing::kWebSocket, masked(0x81, std::string(3'000, '{')), EndReason::kMalformed},
      {"control of 3 kB in parts", Framing::kWebSocket,
       masked(0x01, std::string(1'500, '{')) + masked(0x80, std::string(1'500, '{')), EndReason::kMalformed},
      {"2^63 bytes of audio", Framing::kWebSocket,
       std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xfe", 10) + "mask", EndReason::kMalformed},
      {"a message cut short", Framing::kWebSocket, masked(0x02, audio), EndReason::kCutShort},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    for (const size_t step : {size_t{1}, size_t{50}, each.bytes.size()}) {
      const Decoded decoded = decode(each.framing, each.bytes, step);
      CHECK(decoded.end == each.end);
    }
    FrameDecoder decoder(each.framing, 8000);
    Decoded first, behind;
    feed(&decoder, each.bytes, &first);
    if (first.end == EndReason::kNone) continue;  // only closing made it an end
    feed(&decoder, tail, &behind);
    CHECK(behind == Decoded{"", {}, each.end});
  }
  CHECK(decode(Framing::kAudioSocket, tlv(0x12, audio), 5, 16'000).audio == audio);
}

TEST_CASE("garbage ends, or is bounded, and never more than that") {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const std::string bytes = some_audio(5'000, seed);
    for (const Framing framing : {Framing::kAudioSocket, Framing::kWebSocket}) {
      const Decoded decoded = decode(framing, bytes, 1 + seed % 300);
      CHECK(decoded.audio.size() <= bytes.size());
      CHECK(decoded.end != EndReason::kNone);
      CHECK(decoded == decode(framing, bytes, 5'000));  // and the same, however it was cut
    }
  }
}

TEST_CASE("messages come out as they went in, and one too many is refused whole") {
  MessageRing ring(64);
  uint8_t code = 0;
  CHECK(ring.next_size(&code) == -1);
  for (int round = 0; round < 50; ++round) {  // across the ring's end, at every place
    const std::string text(static_cast<size_t>(round % 20), static_cast<char>('a' + round % 26));
    REQUIRE(ring.push(static_cast<uint8_t>(round), text.data(), text.size()));
    REQUIRE(ring.push(200, "", 0));
    std::string out(static_cast<size_t>(ring.next_size(&code)), ' ');
    ring.pop(out.data());
    CHECK(code == round);
    CHECK(out == text);
    CHECK(ring.next_size(&code) == 0);
    ring.pop(out.data());
    CHECK(code == 200);
  }
  const std::string twenty(20, 'x');
  CHECK(ring.push(1, twenty.data(), 20));
  CHECK(ring.push(2, twenty.data(), 20));
  CHECK(!ring.push(3, twenty.data(), 20));
  CHECK(ring.push(4, twenty.data(), 15));
  CHECK(!ring.push(5, "", 0));
  CHECK(!MessageRing(0).push(1, "", 0));
}
