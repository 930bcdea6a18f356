#include "audio/playout_thread.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <stdexcept>

namespace offhook {

PlayoutThread::PlayoutThread() {
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

PlayoutThread::~PlayoutThread() {
  stop();
}

void PlayoutThread::start(const std::shared_ptr<PlayoutFile>& file, int64_t at_ns, int64_t offset_samples) {
  {
    const std::lock_guard lock(playing_mutex_);
    if (stopping_.load(std::memory_order_relaxed)) throw std::runtime_error("the playout thread has stopped");
    file->start(at_ns, offset_samples);
    if (std::find(playing_.begin(), playing_.end(), file) == playing_.end()) playing_.push_back(file);
  }
  wake_.notify();
}

size_t PlayoutThread::playing_count() const {
  const std::lock_guard lock(playing_mutex_);
  return playing_.size();
}

void PlayoutThread::stop() {
  {
    const std::lock_guard lock(playing_mutex_);
    stopping_.store(true, std::memory_order_relaxed);
  }
  wake_.notify();
  const std::lock_guard lock(joining_);
  if (!thread_.joinable()) return;
  thread_.join();
  playing_.clear();
}

void PlayoutThread::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "offhook-playout");
  while (!stopping_.load(std::memory_order_relaxed)) wait_until(round());
}

int64_t PlayoutThread::round() noexcept {
  wake_.clear();  // before looking: a start() from here on makes the wait below end at once
  rounds_.fetch_add(1, std::memory_order_relaxed);
  int64_t due_ns = PlayoutFile::kNever;
  const std::lock_guard lock(playing_mutex_);
  std::erase_if(playing_, [&](const std::shared_ptr<PlayoutFile>& file) {
    const int64_t next_ns = file->pad(clock_.now_ns());
    due_ns = std::min(due_ns, next_ns);
    return next_ns == PlayoutFile::kNever;
  });
  return due_ns;
}

void PlayoutThread::wait_until(int64_t due_ns) noexcept {
  pollfd woken{wake_.get(), POLLIN, 0};
  if (due_ns == PlayoutFile::kNever) {
    ::ppoll(&woken, 1, nullptr, nullptr);
    return;
  }
  const int64_t left_ns = std::max<int64_t>(0, due_ns - clock_.now_ns());
  const timespec left{static_cast<time_t>(left_ns / 1'000'000'000), left_ns % 1'000'000'000};
  ::ppoll(&woken, 1, &left, nullptr);
}

}  // namespace offhook
