#include "audio/sender.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace offhook {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kFrameNs = Sender::kFrameMs * kNsPerMs;
constexpr int64_t kRetryNs = 5 * kNsPerMs;  // how soon a full socket, or a late voice, is looked at again
constexpr int kMostLeadMs = 2'000;
constexpr size_t kMostPayload = 125;  // of a websocket's message with a header of two bytes
constexpr uint8_t kFin = 0x80, kOpBinary = 0x2, kLength16 = 126;
constexpr uint8_t kTypeAudio8 = 0x10, kTypeAudio16 = 0x12;

FileDescriptor duplicate(int fd) {
  FileDescriptor mine(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!mine.is_open()) throw std::system_error(errno, std::generic_category(), "the line's socket");
  return mine;
}

}  // namespace

Sender::Sender(uint64_t id, int fd, const SenderOptions& options, int64_t now_ns)
    : id_(id),
      rate_hz_(options.rate_hz),
      framing_(options.framing),
      lead_ns_(options.lead_ms * kNsPerMs),
      frame_samples_(static_cast<int64_t>(kFrameMs) * options.rate_hz / 1000),
      due_ns_(now_ns),
      wake_ns_(options.lead_ms == 0 ? now_ns : kNever) {
  if (rate_hz_ != 8000 && rate_hz_ != 16000) {
    throw std::invalid_argument("rate_hz is " + std::to_string(rate_hz_) + "; it can be 8000 or 16000");
  }
  if (options.lead_ms < 0 || options.lead_ms > kMostLeadMs || options.lead_ms % kFrameMs != 0) {
    throw std::invalid_argument("lead_ms is " + std::to_string(options.lead_ms) +
                                "; it can be 0 to 2000, in whole frames of 20");
  }
  fd_ = duplicate(fd);
  const int bytes = static_cast<int>(frame_samples_) * 2 * (kSendBufferMs / kFrameMs);
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0) {
    throw std::system_error(errno, std::generic_category(), "the line's socket");
  }
  messages_.reserve(kMostMessageBytes);
}

// --- Any thread ---------------------------------------------------------------------------------------

uint64_t Sender::play(std::shared_ptr<PlayoutBuffer> buffer, int64_t offset_samples, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (broken_) throw std::system_error(EPIPE, std::generic_category(), "the line's socket");
  if (buffer_) throw std::invalid_argument("something is being sent already: stop() comes first");
  if (buffer->rate_hz() != rate_hz_) throw std::invalid_argument("the answer's rate is not the line's");
  int64_t begin_ns = std::max(now_ns, due_ns_);
  int64_t early_ns = early_ns_;
  if (lead_ns_ == 0 && early_ns_ + begin_ns - now_ns <= kMostEarlyMs * kNsPerMs) {
    early_ns += begin_ns - now_ns;
    begin_ns = now_ns;
  }
  buffer->start(begin_ns, offset_samples);
  early_ns_ = early_ns;
  start_ns_ = due_ns_ = begin_ns;
  next_sample_ = offset_samples;
  buffer_ = std::move(buffer);
  come_again(now_ns);
  return ++playback_;
}

bool Sender::stop(int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  if (!buffer_) return false;
  if (lead_ns_ > 0) {  // what is heard by the end of the frame that is being heard
    const int64_t since_ns = std::max<int64_t>(0, now_ns - start_ns_);
    due_ns_ = std::min(due_ns_, start_ns_ + (since_ns + kFrameNs - 1) / kFrameNs * kFrameNs);
  }
  end_playback(due_ns_);
  return true;
}

void Sender::send_message(uint8_t code, const char* bytes, size_t size, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (broken_) throw std::system_error(EPIPE, std::generic_category(), "the line's socket");
  if (size > kMostPayload || messages_.size() + size + 3 > kMostMessageBytes) {
    throw std::length_error("a message of " + std::to_string(size) +
                            " bytes finds no room: " + std::to_string(messages_.size()) + " are waiting");
  }
  if (framing_ == Framing::kWebSocket) {
    messages_.push_back(static_cast<char>(kFin | code));
    messages_.push_back(static_cast<char>(size));
  } else {
    messages_.push_back(static_cast<char>(code));
    messages_.push_back(0);
    messages_.push_back(static_cast<char>(size));
  }
  messages_.insert(messages_.end(), bytes, bytes + size);
  if (!flush(now_ns)) come_again(now_ns);
}

void Sender::close(int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  if (buffer_) end_playback(std::min(due_ns_, now_ns + kFrameNs));
  broken_ = true;
  break_untold_ = false;
  fd_.reset();
  come_again(kNever);
}

int Sender::take_events(SenderEvent* out) noexcept {
  if (!news_.load(std::memory_order_acquire)) return 0;
  const std::lock_guard lock(mutex_);
  news_.store(false, std::memory_order_relaxed);
  int count = 0;
  if (ended_playback_ != 0) {
    out[count++] = {id_, std::exchange(ended_playback_, 0), SenderEvent::Kind::kEnded};
  }
  if (std::exchange(break_untold_, false)) out[count++] = {id_, playback_, SenderEvent::Kind::kBroken};
  return count;
}

bool Sender::playing() const {
  const std::lock_guard lock(mutex_);
  return buffer_ != nullptr;
}

bool Sender::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

int64_t Sender::sent_samples() const {
  const std::lock_guard lock(mutex_);
  return next_sample_;
}

// --- The thread ---------------------------------------------------------------------------------------

int64_t Sender::tick(int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  const int64_t again_ns = run(now_ns);
  come_again(again_ns);
  return again_ns;
}

int64_t Sender::run(int64_t now_ns) noexcept {
  int64_t again_ns = kNever;
  while (!broken_) {
    if (!flush(now_ns)) return broken_ ? kNever : now_ns + kRetryNs;
    if (lead_ns_ > 0 && !buffer_) return kNever;
    if (due_ns_ - lead_ns_ > now_ns) return due_ns_ - lead_ns_;
    if (now_ns - due_ns_ > kMostLateMs * kNsPerMs) skip(now_ns);
    if (buffer_ && !take_frame(now_ns, &again_ns)) {
      if (again_ns == kNever) continue;  // it is over
      return again_ns;
    }
    if (!buffer_) frame_.fill(0);
    put_frame();
    due_ns_ += kFrameNs;
    frames_sent_.fetch_add(1, std::memory_order_relaxed);
  }
  return kNever;
}

/// The next frame of what is being sent.  False when there is none: *again_ns says when to look again, kNever
/// that the playback is over.
bool Sender::take_frame(int64_t now_ns, int64_t* again_ns) noexcept {
  *again_ns = kNever;
  PlayoutBuffer::Next next = buffer_->frame(next_sample_, frame_.data());
  if (next == PlayoutBuffer::Next::kLate) {
    const int64_t pad_ns = due_ns_ - std::min(lead_ns_, kPadLeadMs * kNsPerMs);
    if (now_ns < pad_ns) {
      *again_ns = std::min(pad_ns, now_ns + kRetryNs);
      return false;
    }
    if (!buffer_->pad(next_sample_)) {
      break_off(now_ns);
      return false;
    }
    next = buffer_->frame(next_sample_, frame_.data());
  }
  if (next == PlayoutBuffer::Next::kFrame) {
    next_sample_ += frame_samples_;
    return true;
  }
  if (now_ns < due_ns_) {  // sent ahead, and not heard to its end yet
    *again_ns = due_ns_;
    return false;
  }
  ended_playback_ = playback_;
  news_.store(true, std::memory_order_release);
  end_playback(due_ns_);
  return false;
}

void Sender::put_frame() noexcept {
  const size_t bytes = static_cast<size_t>(frame_samples_) * 2;
  size_t at = 0;
  if (framing_ == Framing::kAudioSocket) {
    out_[at++] = static_cast<char>(rate_hz_ == 16'000 ? kTypeAudio16 : kTypeAudio8);
    out_[at++] = static_cast<char>(bytes >> 8);
    out_[at++] = static_cast<char>(bytes & 0xff);
  } else if (framing_ == Framing::kWebSocket) {
    out_[at++] = static_cast<char>(kFin | kOpBinary);
    out_[at++] = static_cast<char>(kLength16);
    out_[at++] = static_cast<char>(bytes >> 8);
    out_[at++] = static_cast<char>(bytes & 0xff);
  }
  std::memcpy(out_.data() + at, frame_.data(), bytes);
  out_at_ = 0;
  out_size_ = at + bytes;
}

/// Somebody stood still: that time is given up, and what is being sent goes on from now.
void Sender::skip(int64_t now_ns) noexcept {
  skipped_ns_.fetch_add(now_ns - due_ns_, std::memory_order_relaxed);
  if (buffer_) {
    buffer_->stop(due_ns_);
    try {
      buffer_->start(now_ns, next_sample_);
    } catch (const std::exception&) {  // no memory
      break_off(now_ns);
      return;
    }
    start_ns_ = now_ns;
  }
  due_ns_ = now_ns;
}

/// What is left of the last frame, then the messages.  False while the socket does not take all of it, or is
/// broken.
bool Sender::flush(int64_t now_ns) noexcept {
  const auto send = [&](const char* bytes, size_t size) -> size_t {
    size_t done = 0;
    while (done < size) {
      const ssize_t sent = ::send(fd_.get(), bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) break;
      if (sent <= 0) {
        break_off(now_ns);
        return done;
      }
      done += static_cast<size_t>(sent);
    }
    return done;
  };
  if (broken_) return false;
  const size_t before = out_size_ - out_at_ + messages_.size();
  if (before == 0) return true;
  out_at_ += send(out_.data() + out_at_, out_size_ - out_at_);
  if (!broken_ && out_at_ == out_size_ && !messages_.empty()) {
    const size_t sent = send(messages_.data(), messages_.size());
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(sent));
  }
  if (broken_) return false;
  const size_t left = out_size_ - out_at_ + messages_.size();
  if (left < before) blocked_since_ns_ = kNever;
  if (left == 0) return true;
  if (blocked_since_ns_ == kNever) blocked_since_ns_ = now_ns;
  if (now_ns - blocked_since_ns_ > kMostBlockedMs * kNsPerMs) break_off(now_ns);
  return false;
}

void Sender::end_playback(int64_t at_ns) noexcept {
  buffer_->stop(at_ns);
  buffer_.reset();
  due_ns_ += std::exchange(early_ns_, 0);
}

void Sender::break_off(int64_t now_ns) noexcept {
  if (buffer_) end_playback(std::min(due_ns_, now_ns + kFrameNs));
  broken_ = break_untold_ = true;
  news_.store(true, std::memory_order_release);
}

}  // namespace offhook
