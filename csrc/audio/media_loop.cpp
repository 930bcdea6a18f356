// Above 400 lines because one thread's whole life stands in it: a part of it would share all of its state.
#include "audio/media_loop.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace offhook {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerS = 1'000'000'000;
constexpr int64_t kGapNs = 100 * kNsPerMs;    // no data for this long is silence
constexpr int64_t kLateNs = 330 * kNsPerMs;   // audio that came late by more would keep everybody waiting
constexpr int64_t kBurstNs = 40 * kNsPerMs;   // what was held up comes all at once
constexpr int64_t kInsertNs = 20 * kNsPerMs;  // then silence comes in pieces like frames
constexpr int64_t kMostInsertNs = kNsPerS;    // per round, so that a long sleep is caught up in steps
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int kRetryMs = 5;  // how soon events that found the queue full are tried again
constexpr int64_t kSilenceSamples = 512;
// Nobody looks further back once an utterance has been over for so long: answers are made within it, and
// recordings lag by less.
constexpr int64_t kKeptMs = 10'000;
constexpr int16_t kSilence[kSilenceSamples] = {};

std::system_error os_error(const char* what) {
  return {errno, std::generic_category(), what};
}

int64_t to_ns(int64_t samples, int rate_hz) noexcept {
  return samples * kNsPerS / rate_hz;
}
int64_t to_samples(int64_t ns, int rate_hz) noexcept {
  return ns * rate_hz / kNsPerS;
}

}  // namespace

MediaLoop::MediaLoop(const SileroModel& model, const Clock& clock, size_t max_streams, size_t event_places)
    : clock_(clock),
      max_streams_(max_streams),
      commands_(2 * max_streams),  // one add and one remove of every stream: never full
      events_(event_places),
      batch_(model, kBatch),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      next_gap_check_ns_(kNever),
      read_buffer_(kReadBytes + 2),
      samples_(kReadBytes / 2 + 1) {
  if (!epoll_.is_open()) throw os_error("epoll_create1");
  streams_.reserve(max_streams);
  dirty_.reserve(max_streams);
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &wake) != 0) throw os_error("epoll_ctl");
}

MediaLoop::~MediaLoop() {
  shutdown();
}

// --- Control side -------------------------------------------------------------------------------------

std::shared_ptr<MediaStream> MediaLoop::add(int fd, const StreamOptions& options) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw os_error("audio descriptor");
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode) && !S_ISCHR(status.st_mode)) {
    errno = EPERM;  // what epoll would say
    throw os_error("audio descriptor is neither a pipe nor a socket");
  }
  const std::lock_guard lock(control_);
  if (stopping_.load(std::memory_order_relaxed))
    throw std::runtime_error("the media thread has been stopped");
  sweep();
  if (registry_.size() >= max_streams_) {
    throw TooManyStreams("all " + std::to_string(max_streams_) + " audio streams are taken");
  }
  auto stream = std::make_shared<MediaStream>(next_id_, options);
  registry_.emplace(next_id_, stream);
  ++next_id_;
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  stream->fd_.reset(fd);
  commands_.push({stream.get(), CommandKind::kAdd});
  wake_.notify();
  return stream;
}

void MediaLoop::remove(const std::shared_ptr<MediaStream>& stream) {
  const std::lock_guard lock(control_);
  sweep();
  if (stream->closing_ || registry_.find(stream->id()) == registry_.end()) return;
  stream->closing_ = true;
  closing_.push_back(stream->id());
  commands_.push({stream.get(), CommandKind::kRemove});
  wake_.notify();
}

/// Drops what the loop has given back.
void MediaLoop::sweep() {
  std::erase_if(closing_, [&](uint64_t id) {
    const auto found = registry_.find(id);
    if (!found->second->retired_.load(std::memory_order_acquire)) return false;
    registry_.erase(found);
    return true;
  });
}

size_t MediaLoop::poll(MediaEvent* events, size_t max_events) {
  const std::lock_guard lock(control_);
  sweep();
  events_ready_.clear();  // before looking: what is pushed from here on makes it readable again
  size_t count = 0;
  while (count < max_events && events_.pop(events + count)) ++count;
  if (count == max_events) events_ready_.notify();
  return count;
}

void MediaLoop::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  wake_.notify();
}

size_t MediaLoop::stream_count() {
  const std::lock_guard lock(control_);
  sweep();
  return registry_.size();
}

// --- Loop side: the round -----------------------------------------------------------------------------

bool MediaLoop::run_once(int max_wait_ms) noexcept {
  const int count = ::epoll_wait(epoll_.get(), ready_, kMaxEpollEvents, wait_ms(max_wait_ms));
  const int64_t now_ns = clock_.now_ns();
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    if (ready_[i].data.ptr == nullptr) {
      woken = true;
    } else {
      read_some(*static_cast<MediaStream*>(ready_[i].data.ptr), now_ns);
    }
  }
  if (woken) {
    wake_.clear();
    take_commands(now_ns);  // after the events: a removed stream is in none of them any more
  }
  if (now_ns >= next_gap_check_ns_) fill_gaps(now_ns);
  detect();
  flush_outboxes();
  if (notify_) {
    notify_ = false;
    events_ready_.notify();
  }
  rounds_.fetch_add(1, std::memory_order_relaxed);
  return !stopping_.load(std::memory_order_relaxed);
}

int MediaLoop::wait_ms(int max_wait_ms) const noexcept {
  int64_t wait = max_wait_ms < 0 ? std::numeric_limits<int>::max() : max_wait_ms;
  if (waiting_outboxes_ > 0) wait = std::min<int64_t>(wait, kRetryMs);
  if (next_gap_check_ns_ != kNever) {
    const int64_t due_ns = std::max<int64_t>(0, next_gap_check_ns_ - clock_.now_ns());
    wait = std::min(wait, (due_ns + kNsPerMs - 1) / kNsPerMs);
  }
  return wait == std::numeric_limits<int>::max() ? -1 : static_cast<int>(wait);
}

void MediaLoop::shutdown() noexcept {
  take_commands(clock_.now_ns());
  while (!streams_.empty()) detach(*streams_.back());
}

// --- Loop side: streams come and go -------------------------------------------------------------------

void MediaLoop::take_commands(int64_t now_ns) noexcept {
  Command command{};
  while (commands_.pop(&command)) {
    if (command.kind == CommandKind::kAdd) {
      attach(*command.stream, now_ns);
    } else if (!command.stream->retired_.load(std::memory_order_relaxed)) {
      detach(*command.stream);
    }
  }
}

void MediaLoop::attach(MediaStream& stream, int64_t now_ns) noexcept {
  stream.place_ = streams_.size();
  streams_.push_back(&stream);  // reserved: does not allocate
  stream.last_data_ns_ = stream.newest_ns_ = stream.begun_ns_ = now_ns;
  stream.patience_ns_ = kGapNs;
  next_gap_check_ns_ = std::min(next_gap_check_ns_, now_ns + kGapNs);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &stream;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stream.fd_.get(), &event) != 0) {
    stream.read_errno_.store(errno, std::memory_order_relaxed);
    end_reading(stream, EndReason::kReadError);
  }
}

void MediaLoop::detach(MediaStream& stream) noexcept {
  if (stream.fd_.is_open()) end_reading(stream, EndReason::kNone);
  if (stream.dirty_) std::erase(dirty_, &stream);
  if (!stream.outbox_.empty()) --waiting_outboxes_;
  streams_[stream.place_] = streams_.back();
  streams_[stream.place_]->place_ = stream.place_;
  streams_.pop_back();
  stream.retired_.store(true, std::memory_order_release);  // from here on it may be gone at any moment
}

void MediaLoop::end_reading(MediaStream& stream, EndReason reason) noexcept {
  stream.end_reason_.store(reason, std::memory_order_release);
  // Closing alone would leave it in epoll: the launcher holds the same open pipe.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream.fd_.get(), nullptr);
  stream.fd_.reset();
  stream.ended_ = true;
  mark_dirty(stream);
}

void MediaLoop::mark_dirty(MediaStream& stream) noexcept {
  if (stream.dirty_) return;
  stream.dirty_ = true;
  dirty_.push_back(&stream);
}

// --- Loop side: samples in ----------------------------------------------------------------------------

/// One read.  False when there was nothing.
bool MediaLoop::read_some(MediaStream& stream, int64_t now_ns) noexcept {
  if (!stream.fd_.is_open()) return false;
  const ssize_t got = ::read(stream.fd_.get(), read_buffer_.data(), kReadBytes);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    stream.read_errno_.store(errno, std::memory_order_relaxed);
    end_reading(stream, EndReason::kReadError);
    return true;
  }
  if (got == 0) {
    end_reading(stream, stream.decoder_.closed());
    return true;
  }
  if (stream.gap_begun_ns_ != 0) learn_patience(stream, to_ns(got / 2, stream.rate_hz_), now_ns);
  stream.last_data_ns_ = stream.newest_ns_ = now_ns;
  stream.read_bytes_ += got;
  int behind_bytes = 0;
  if (static_cast<size_t>(got) == kReadBytes && ::ioctl(stream.fd_.get(), FIONREAD, &behind_bytes) == 0) {
    stream.newest_ns_ -= to_ns(behind_bytes / 2, stream.rate_hz_);
  }
  decode(stream, read_buffer_.data(), static_cast<size_t>(got));
  mark_dirty(stream);
  if (is_too_fast(stream, now_ns) && stream.fd_.is_open()) end_reading(stream, EndReason::kTooFast);
  return true;
}

void MediaLoop::decode(MediaStream& stream, char* bytes, size_t count) noexcept {
  for (;;) {
    const FrameDecoder::Piece piece = stream.decoder_.next(&bytes, &count);
    switch (piece.kind) {
      case FrameDecoder::Kind::kNone:
        return;
      case FrameDecoder::Kind::kAudio:
        keep_audio(stream, piece.bytes, piece.size);
        break;
      case FrameDecoder::Kind::kMessage:
        if (!stream.messages_.push(piece.code, piece.bytes, piece.size)) {
          end_reading(stream, EndReason::kNotListening);
          return;
        }
        {
          Endpointer::Events events;
          events.add(EventKind::kMessageReceived, stream.ring_.written());
          send(stream, events);
        }
        break;
      case FrameDecoder::Kind::kEnd:
        end_reading(stream, piece.reason);
        return;
    }
  }
}

void MediaLoop::keep_audio(MediaStream& stream, const char* bytes, size_t count) noexcept {
  // Audio is in the machine's own byte order, EAGI's and AudioSocket's on all that offhook is built for.
  int16_t sample = 0;
  if (stream.has_odd_byte_) {
    const char halves[2] = {stream.odd_byte_, *bytes++};
    --count;
    std::memcpy(&sample, halves, sizeof sample);
    stream.ring_.write(&sample, 1);
  }
  stream.has_odd_byte_ = count % 2 != 0;
  if (stream.has_odd_byte_) stream.odd_byte_ = bytes[count - 1];
  std::memcpy(samples_.data(), bytes, count / 2 * 2);
  stream.ring_.write(samples_.data(), count / 2);
}

bool MediaLoop::is_too_fast(const MediaStream& stream, int64_t now_ns) const noexcept {
  if (stream.decoder_.framing() == Framing::kRaw) return false;  // a pipe of this machine's
  const int64_t allowed_ns = now_ns - stream.begun_ns_ + kMostAheadMs * kNsPerMs;
  // Frames of 20 ms at 8 kHz have 320 bytes and up to 8 around them; messages are few.
  return stream.read_bytes_ * 9 / 10 / 2 > to_samples(allowed_ns, stream.rate_hz_);
}

void MediaLoop::fill_gaps(int64_t now_ns) noexcept {
  next_gap_check_ns_ = kNever;
  for (MediaStream* stream : streams_) {
    if (!stream->fd_.is_open()) continue;
    if (now_ns - stream->last_data_ns_ >= stream->patience_ns_ && !read_some(*stream, now_ns))
      insert_silence(*stream, now_ns);
    if (!stream->fd_.is_open()) continue;
    const int64_t due_ns =
        std::max(stream->last_data_ns_ + stream->patience_ns_, stream->newest_ns_ + kInsertNs);
    next_gap_check_ns_ = std::min(next_gap_check_ns_, due_ns);
  }
}

void MediaLoop::insert_silence(MediaStream& stream, int64_t now_ns) noexcept {
  const int64_t missing_ns = std::min(now_ns - stream.newest_ns_, kMostInsertNs);
  if (missing_ns < kInsertNs) return;
  const int64_t samples = to_samples(missing_ns, stream.rate_hz_);
  for (int64_t left = samples; left > 0; left -= kSilenceSamples) {
    stream.ring_.write(kSilence, static_cast<size_t>(std::min(left, kSilenceSamples)));
  }
  stream.newest_ns_ += to_ns(samples, stream.rate_hz_);
  stream.gap_begun_ns_ = stream.last_data_ns_;
  stream.gap_ended_ns_ = stream.came_ns_ = 0;
  stream.inserted_samples_.fetch_add(static_cast<uint64_t>(samples), std::memory_order_relaxed);
  mark_dirty(stream);
}

/// Audio comes behind silence that was put in: was it held up, and there was no silence?
void MediaLoop::learn_patience(MediaStream& stream, int64_t came_ns, int64_t now_ns) noexcept {
  if (stream.gap_ended_ns_ == 0) stream.gap_ended_ns_ = now_ns;
  stream.came_ns_ += came_ns;
  const int64_t gap_ns = stream.gap_ended_ns_ - stream.gap_begun_ns_;
  const bool filled = stream.came_ns_ >= gap_ns * 3 / 4;
  if (filled && gap_ns <= kLateNs) stream.patience_ns_ = std::max(stream.patience_ns_, gap_ns * 3 / 2);
  if (filled || now_ns - stream.gap_ended_ns_ > kBurstNs) stream.gap_begun_ns_ = 0;
}

// --- Loop side: speech out ----------------------------------------------------------------------------

/// Takes every stream that has news one window further, runs the network once for all of them, and again
/// until nobody has a whole window left.
void MediaLoop::detect() noexcept {
  while (!dirty_.empty()) {
    size_t kept = 0;
    int batched = 0;
    for (MediaStream* stream : dirty_) {
      feed_detector(*stream);
      if (const float* window = stream->detector_.window()) {
        windows_[batched] = window;
        states_[batched] = stream->detector_.state();
        batched_[batched++] = stream;
        dirty_[kept++] = stream;
        if (batched == kBatch) run_batch(std::exchange(batched, 0));
      } else {
        stream->dirty_ = false;
        forget_silence(*stream);
        stream->windows_run_.store(stream->detector_.windows_run(), std::memory_order_relaxed);
        stream->windows_skipped_.store(stream->detector_.windows_skipped(), std::memory_order_relaxed);
        if (stream->ended_) send_ended(*stream);
      }
    }
    dirty_.resize(kept);
    run_batch(batched);
  }
}

void MediaLoop::feed_detector(MediaStream& stream) noexcept {
  const int wanted_ms = stream.endpointing_ms_.load(std::memory_order_relaxed);
  if (wanted_ms != stream.applied_endpointing_ms_) {
    stream.applied_endpointing_ms_ = wanted_ms;
    stream.detector_.set_endpointing_ms(wanted_ms);
  }
  int16_t block[kSileroWindowSamples];
  while (stream.detector_.window() == nullptr) {
    const int64_t start = stream.detector_.pushed_samples();
    // A round adds less than the ring holds, so nothing here is ever overwritten before it is seen.
    const auto span = stream.ring_.read(start, start + kSileroWindowSamples, block);
    if (span.count == 0) break;
    Endpointer::Events events;
    stream.detector_.push(block, span.count, &events);
    send(stream, events);
  }
}

/// What was quiet long ago is in nobody's way but the memory's.
void MediaLoop::forget_silence(MediaStream& stream) noexcept {
  const int64_t written = stream.ring_.written();
  const int64_t quiet_from = written - kKeptMs * stream.rate_hz_ / 1000;
  if (stream.detector_.active()) {
    stream.spoken_until_ = written;
  } else if (quiet_from > stream.spoken_until_) {
    stream.ring_.forget_before(quiet_from);
  }
}

void MediaLoop::run_batch(int count) noexcept {
  if (count == 0) return;
  batch_.run(windows_, states_, probabilities_, count);
  for (int i = 0; i < count; ++i) {
    Endpointer::Events events;
    batched_[i]->detector_.answer(probabilities_[i], &events);
    send(*batched_[i], events);
  }
}

void MediaLoop::send(MediaStream& stream, const Endpointer::Events& events) noexcept {
  for (const SpeechEvent& event : events) {
    const int64_t age_ns = to_ns(stream.ring_.written() - event.position_samples, stream.rate_hz_);
    const bool waited = !stream.outbox_.empty();
    stream.outbox_.send(
        {stream.id_, event.position_samples, stream.newest_ns_ - age_ns, event.voiced_ms, event.kind},
        events_);
    if (!waited && !stream.outbox_.empty()) ++waiting_outboxes_;
    notify_ = true;
  }
}

void MediaLoop::send_ended(MediaStream& stream) noexcept {
  if (std::exchange(stream.end_sent_, true)) return;
  Endpointer::Events events;
  stream.detector_.finish(&events);
  events.add(EventKind::kAudioEnded, stream.ring_.written());
  send(stream, events);
}

void MediaLoop::flush_outboxes() noexcept {
  if (waiting_outboxes_ == 0) return;
  for (MediaStream* stream : streams_) {
    if (stream->outbox_.empty()) continue;
    if (stream->outbox_.flush(events_) > 0) notify_ = true;
    if (stream->outbox_.empty()) --waiting_outboxes_;
    stream->dropped_events_.store(stream->outbox_.dropped(), std::memory_order_relaxed);
  }
}

}  // namespace offhook
