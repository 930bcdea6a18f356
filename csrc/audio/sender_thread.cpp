#include "audio/sender_thread.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace offhook {

// A sender has at most two events untold, and tells one playback's end before it can have another.
SenderThread::SenderThread(size_t max_senders) : max_senders_(max_senders), events_(4 * max_senders) {
  senders_.reserve(max_senders);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits the mask
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SenderThread::~SenderThread() {
  stop();
}

std::shared_ptr<Sender> SenderThread::add(int fd, const SenderOptions& options) {
  std::shared_ptr<Sender> sender;
  {
    const std::lock_guard lock(senders_mutex_);
    if (stopping_.load(std::memory_order_relaxed)) throw std::runtime_error("the sender thread has stopped");
    if (senders_.size() >= max_senders_) {
      throw std::length_error("all " + std::to_string(max_senders_) + " places for senders are taken");
    }
    sender = std::make_shared<Sender>(next_id_++, fd, options, clock_.now_ns());
    senders_.push_back(sender);
  }
  wake_.notify();
  return sender;
}

void SenderThread::remove(const std::shared_ptr<Sender>& sender) noexcept {
  sender->close(clock_.now_ns());
  const std::lock_guard lock(senders_mutex_);
  std::erase(senders_, sender);
}

uint64_t SenderThread::play(Sender& sender, std::shared_ptr<PlayoutBuffer> buffer, int64_t offset_samples) {
  const uint64_t playback = sender.play(std::move(buffer), offset_samples, clock_.now_ns());
  wake_.notify();
  return playback;
}

void SenderThread::send_message(Sender& sender, uint8_t code, const char* bytes, size_t size) {
  sender.send_message(code, bytes, size, clock_.now_ns());
  wake_.notify();
}

size_t SenderThread::poll(SenderEvent* events, size_t max_events) {
  const std::lock_guard lock(polling_);
  events_ready_.clear();  // before looking: what is pushed from here on makes it readable again
  size_t count = 0;
  while (count < max_events && events_.pop(events + count)) ++count;
  if (count == max_events) events_ready_.notify();
  return count;
}

size_t SenderThread::sender_count() const {
  const std::lock_guard lock(senders_mutex_);
  return senders_.size();
}

void SenderThread::stop() {
  {
    const std::lock_guard lock(senders_mutex_);
    stopping_.store(true, std::memory_order_relaxed);
  }
  wake_.notify();
  const std::lock_guard lock(joining_);
  if (!thread_.joinable()) return;
  thread_.join();
  const std::lock_guard all(senders_mutex_);
  for (const auto& sender : senders_) sender->close(clock_.now_ns());
  senders_.clear();
}

void SenderThread::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "offhook-sender");
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // [ns]; by default a sleep may be 50 us longer
  // Some microseconds of work are due to the millisecond.  Where this is not allowed it goes on as others do.
  sched_param first{};
  first.sched_priority = 1;
  ::pthread_setschedparam(::pthread_self(), SCHED_RR, &first);
  while (!stopping_.load(std::memory_order_relaxed)) wait_until(round());
}

int64_t SenderThread::round() noexcept {
  wake_.clear();  // before looking: a play() from here on makes the wait below end at once
  rounds_.fetch_add(1, std::memory_order_relaxed);
  int64_t due_ns = Sender::kNever;
  const std::lock_guard lock(senders_mutex_);
  for (const auto& sender : senders_) {
    int64_t next_ns = sender->due_ns();
    if (next_ns != Sender::kNever) {
      const int64_t now_ns = clock_.now_ns();
      if (next_ns <= now_ns) next_ns = sender->tick(now_ns);
    }
    tell(*sender);
    due_ns = std::min(due_ns, next_ns);
  }
  return due_ns;
}

void SenderThread::tell(Sender& sender) noexcept {
  SenderEvent events[2];
  const int count = sender.take_events(events);
  for (int i = 0; i < count; ++i) events_.push(events[i]);
  if (count > 0) events_ready_.notify();
}

void SenderThread::wait_until(int64_t due_ns) noexcept {
  pollfd woken{wake_.get(), POLLIN, 0};
  if (due_ns == Sender::kNever) {
    ::ppoll(&woken, 1, nullptr, nullptr);
    return;
  }
  const int64_t left_ns = std::max<int64_t>(0, due_ns - clock_.now_ns());
  const timespec left{static_cast<time_t>(left_ns / 1'000'000'000), left_ns % 1'000'000'000};
  ::ppoll(&woken, 1, &left, nullptr);
}

}  // namespace offhook
