// What the bytes of a door mean: the caller's audio, a message, or the end.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace offhook {

/// How a door's bytes are framed.
enum class Framing : uint8_t {
  kRaw,          ///< signed 16-bit mono in the machine's byte order and nothing else: EAGI's pipe
  kAudioSocket,  ///< type (1 byte), length (2, big endian), payload; see res_audiosocket.c
  kWebSocket,    ///< RFC 6455 from a client, so masked: binary is audio, text is chan_websocket's control
};

/// Why a stream has ended.
enum class EndReason : uint8_t {
  kNone,          ///< it has not
  kEndOfFile,     ///< the other side closed, between two frames
  kReadError,     ///< read() failed; errno is kept beside
  kHangUp,        ///< AudioSocket's hang-up, a websocket's close
  kPeerError,     ///< AudioSocket's error frame
  kMalformed,     ///< not this protocol
  kCutShort,      ///< the other side closed within a frame
  kOtherFormat,   ///< audio of another rate than was agreed
  kTooFast,       ///< more audio than time has passed for, by far
  kNotListening,  ///< messages that nobody takes
};

/// Takes a stream of bytes apart, in pieces that are as long as what has come.
///
/// Audio is not copied: a piece points into the bytes that were given, and a frame that has come in part is
/// given out in part.  A message is kept here until it is whole.  So nothing grows with what a peer claims
/// to send, and an end leaves nothing behind: from then on every piece is that end.
///
/// One thread at a time.  Nothing blocks, allocates or throws.
class FrameDecoder {
 public:
  static constexpr size_t kMostMessageBytes = 2048;  ///< chan_websocket's events take some 250

  enum class Kind : uint8_t { kNone, kAudio, kMessage, kEnd };

  /// Audio, not aligned and perhaps half a sample too long at either end; or a whole message.  Valid until
  /// the bytes it was made of, or the decoder, are used again.
  struct Piece {
    Kind kind = Kind::kNone;
    uint8_t code = 0;  ///< of a message: AudioSocket's type, the websocket's opcode
    const char* bytes = nullptr;
    size_t size = 0;
    EndReason reason = EndReason::kNone;
  };

  /// rate_hz is 8000 or 16000.
  FrameDecoder(Framing framing, int rate_hz) noexcept;

  Framing framing() const noexcept { return framing_; }

  /// The next piece of [*bytes, *bytes + *count), which both move behind it.  kNone: all was taken, and
  /// the next piece needs more.  A websocket's payload is unmasked where it lies.
  Piece next(char** bytes, size_t* count) noexcept;

  /// What it means that the other side closes now.
  EndReason closed() const noexcept;

 private:
  static constexpr size_t kMostHeaderBytes = 14;

  Piece raw(char** bytes, size_t* count) noexcept;
  Piece framed(char** bytes, size_t* count) noexcept;
  /// How many bytes the header has, as far as can be told from those that are here.
  size_t header_size() const noexcept;
  void begin_audiosocket_frame() noexcept;
  void begin_websocket_frame() noexcept;
  Piece finish_message() noexcept;
  Piece end(EndReason reason) noexcept;
  Piece ended() const noexcept;
  void unmask(char* bytes, size_t count) noexcept;

  const Framing framing_;
  const uint8_t audio_type_;
  std::array<uint8_t, kMostHeaderBytes> header_{};
  size_t header_bytes_ = 0;
  bool in_payload_ = false;
  uint64_t payload_left_ = 0;
  bool payload_is_audio_ = false;
  bool message_complete_ = true;  ///< the message ends with this frame
  std::array<uint8_t, 4> mask_{};
  size_t mask_at_ = 0;
  uint8_t message_code_ = 0;
  size_t message_bytes_ = 0;
  std::array<char, kMostMessageBytes> message_{};
  uint8_t open_opcode_ = 0;          ///< of a websocket message whose last fragment has not come; 0 for none
  size_t open_message_bytes_ = 0;    ///< of it that are kept, while a control frame comes in between
  std::array<char, 125> between_{};  ///< that control frame
  bool is_between_ = false;
  EndReason end_reason_ = EndReason::kNone;
};

}  // namespace offhook
