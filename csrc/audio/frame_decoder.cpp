#include "audio/frame_decoder.h"

#include <algorithm>
#include <cstring>

namespace offhook {
namespace {

// AudioSocket's types, as in Asterisk's res_audiosocket.h.
constexpr uint8_t kTypeHangUp = 0x00;
constexpr uint8_t kTypeUuid = 0x01;
constexpr uint8_t kTypeDtmf = 0x03;
constexpr uint8_t kTypeAudio8 = 0x10;
constexpr uint8_t kTypeAudio16 = 0x12;
constexpr uint8_t kTypeLastAudio = 0x18;
constexpr uint8_t kTypeError = 0xff;
constexpr size_t kAudioSocketHeader = 3;
constexpr size_t kMostSmallPayload = 64;  // of everything that is no audio: a UUID has 16 bytes

// A websocket's opcodes and bits, RFC 6455, 5.2.
constexpr uint8_t kOpContinuation = 0x0, kOpText = 0x1, kOpBinary = 0x2, kOpClose = 0x8, kOpPing = 0x9,
                  kOpPong = 0xa;
constexpr uint8_t kFin = 0x80, kReserved = 0x70, kOpcode = 0x0f, kMasked = 0x80, kLength = 0x7f;
constexpr uint8_t kLength16 = 126, kLength64 = 127;
constexpr uint64_t kMostControlPayload = 125;
constexpr uint64_t kMostAudioPayload = uint64_t{1}
                                       << 20;  // half a minute at 16 kHz; Asterisk sends 640 bytes

}  // namespace

FrameDecoder::FrameDecoder(Framing framing, int rate_hz) noexcept
    : framing_(framing), audio_type_(rate_hz == 16'000 ? kTypeAudio16 : kTypeAudio8) {}

FrameDecoder::Piece FrameDecoder::next(char** bytes, size_t* count) noexcept {
  if (end_reason_ != EndReason::kNone) return ended();
  return framing_ == Framing::kRaw ? raw(bytes, count) : framed(bytes, count);
}

EndReason FrameDecoder::closed() const noexcept {
  if (end_reason_ != EndReason::kNone) return end_reason_;
  const bool between_frames = header_bytes_ == 0 && !in_payload_ && open_opcode_ == 0;
  return between_frames ? EndReason::kEndOfFile : EndReason::kCutShort;
}

FrameDecoder::Piece FrameDecoder::raw(char** bytes, size_t* count) noexcept {
  Piece piece;
  if (*count == 0) return piece;
  piece.kind = Kind::kAudio;
  piece.bytes = *bytes;
  piece.size = *count;
  *bytes += *count;
  *count = 0;
  return piece;
}

FrameDecoder::Piece FrameDecoder::framed(char** bytes, size_t* count) noexcept {
  for (;;) {
    if (!in_payload_) {
      while (*count > 0 && header_bytes_ < header_size()) {
        header_[header_bytes_++] = static_cast<uint8_t>(*(*bytes)++);
        --*count;
      }
      if (header_bytes_ == 0 || header_bytes_ < header_size()) return {};
      in_payload_ = true;
      header_bytes_ = 0;
      framing_ == Framing::kAudioSocket ? begin_audiosocket_frame() : begin_websocket_frame();
      if (end_reason_ != EndReason::kNone) return ended();
    }
    const size_t here = static_cast<size_t>(std::min<uint64_t>(payload_left_, *count));
    char* const payload = *bytes;
    unmask(payload, here);
    *bytes += here;
    *count -= here;
    payload_left_ -= here;
    if (payload_left_ == 0) in_payload_ = false;
    if (payload_is_audio_) {
      if (!in_payload_ && message_complete_) open_opcode_ = 0;
      if (here == 0) {
        if (in_payload_) return {};
        continue;  // an empty frame
      }
      Piece piece;
      piece.kind = Kind::kAudio;
      piece.bytes = payload;
      piece.size = here;
      return piece;
    }
    std::memcpy((is_between_ ? between_.data() : message_.data()) + message_bytes_, payload, here);
    message_bytes_ += here;
    if (in_payload_) return {};
    if (message_complete_) return finish_message();
    open_message_bytes_ = message_bytes_;
  }
}

size_t FrameDecoder::header_size() const noexcept {
  if (framing_ == Framing::kAudioSocket) return kAudioSocketHeader;
  if (header_bytes_ < 2) return 2;
  const uint8_t length = header_[1] & kLength;
  return size_t{2} + (length == kLength16 ? 2 : length == kLength64 ? 8 : 0) + (header_[1] & kMasked ? 4 : 0);
}

void FrameDecoder::begin_audiosocket_frame() noexcept {
  const uint8_t type = header_[0];
  payload_left_ = static_cast<uint64_t>(header_[1]) << 8 | header_[2];
  payload_is_audio_ = type >= kTypeAudio8 && type <= kTypeLastAudio;
  message_code_ = type;
  message_bytes_ = 0;
  if (payload_is_audio_) {
    if (type != audio_type_) {
      end(EndReason::kOtherFormat);
    } else if (payload_left_ % 2 != 0) {
      end(EndReason::kMalformed);
    }
    return;
  }
  if (type == kTypeHangUp) {
    end(EndReason::kHangUp);
  } else if (type == kTypeError) {
    end(EndReason::kPeerError);
  } else if ((type != kTypeDtmf && type != kTypeUuid) || payload_left_ > kMostSmallPayload) {
    end(EndReason::kMalformed);
  }
}

void FrameDecoder::begin_websocket_frame() noexcept {
  const uint8_t opcode = header_[0] & kOpcode;
  const bool fin = (header_[0] & kFin) != 0;
  const uint8_t length = header_[1] & kLength;
  const size_t length_bytes = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  payload_left_ = length;
  if (length_bytes > 0) {
    payload_left_ = 0;
    for (size_t i = 0; i < length_bytes; ++i) payload_left_ = payload_left_ << 8 | header_[2 + i];
  }
  std::copy_n(header_.begin() + 2 + length_bytes, mask_.size(), mask_.begin());
  mask_at_ = 0;
  const bool control = opcode >= kOpClose;
  is_between_ = control;
  message_complete_ = fin;
  // No extension was agreed on, a client masks, and a control frame is short and whole.
  bool well = (header_[0] & kReserved) == 0 && (header_[1] & kMasked) != 0;
  if (control) {
    well = well && fin && payload_left_ <= kMostControlPayload;
    well = well && (opcode == kOpClose || opcode == kOpPing || opcode == kOpPong);
    payload_is_audio_ = false;
    message_code_ = opcode;
    message_bytes_ = 0;
  } else {
    well = well && opcode <= kOpBinary && (opcode == kOpContinuation) == (open_opcode_ != 0);
    if (opcode != kOpContinuation) {
      open_opcode_ = opcode;
      open_message_bytes_ = 0;
    }
    payload_is_audio_ = open_opcode_ == kOpBinary;
    message_code_ = open_opcode_;
    message_bytes_ = open_message_bytes_;
    const uint64_t most = payload_is_audio_ ? kMostAudioPayload : kMostMessageBytes - message_bytes_;
    well = well && payload_left_ <= most && !(payload_is_audio_ && payload_left_ % 2 != 0);
  }
  if (!well) {
    end(EndReason::kMalformed);
  } else if (opcode == kOpClose) {
    end(EndReason::kHangUp);
  }
}

FrameDecoder::Piece FrameDecoder::finish_message() noexcept {
  Piece piece;
  piece.kind = Kind::kMessage;
  piece.code = message_code_;
  piece.bytes = is_between_ ? between_.data() : message_.data();
  piece.size = message_bytes_;
  if (!is_between_) {
    open_opcode_ = 0;
    open_message_bytes_ = 0;
  }
  return piece;
}

FrameDecoder::Piece FrameDecoder::end(EndReason reason) noexcept {
  end_reason_ = reason;
  return ended();
}

FrameDecoder::Piece FrameDecoder::ended() const noexcept {
  Piece piece;
  piece.kind = Kind::kEnd;
  piece.reason = end_reason_;
  return piece;
}

void FrameDecoder::unmask(char* bytes, size_t count) noexcept {
  if (framing_ != Framing::kWebSocket) return;
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(bytes[i] ^ mask_[(mask_at_ + i) & 3]);
  mask_at_ = (mask_at_ + count) & 3;
}

}  // namespace offhook
