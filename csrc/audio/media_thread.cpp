#include "audio/media_thread.h"

#include <pthread.h>
#include <signal.h>

#include <ctime>
#include <utility>

namespace offhook {
namespace {

int64_t read_clock_ns(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

MediaThread::MediaThread(std::shared_ptr<const SileroModel> model, size_t max_streams)
    : model_(std::move(model)), loop_(*model_, clock_, max_streams) {
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

MediaThread::~MediaThread() {
  stop();
}

void MediaThread::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "offhook-media");
  while (loop_.run_once(-1)) {
  }
  loop_.shutdown();
  final_cpu_ns_.store(read_clock_ns(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
}

void MediaThread::stop() {
  loop_.stop();
  const std::lock_guard lock(joining_);
  if (!thread_.joinable()) return;
  thread_.join();
  loop_.shutdown();  // for a stream that was being added just then
}

int64_t MediaThread::cpu_ns() {
  const std::lock_guard lock(joining_);
  clockid_t clock{};
  if (thread_.joinable() && ::pthread_getcpuclockid(thread_.native_handle(), &clock) == 0) {
    return read_clock_ns(clock);
  }
  return final_cpu_ns_.load(std::memory_order_relaxed);
}

}  // namespace offhook
