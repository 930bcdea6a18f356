// Descriptors that close themselves, and the eventfd that wakes a sleeping loop.

#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace offhook {

/// Owns one descriptor; closes it when destroyed.  Move only.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, kClosed); }
  void reset(int fd = kClosed) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  static constexpr int kClosed = -1;
  int fd_ = kClosed;
};

/// A counter that makes a descriptor readable.  Any thread may notify; none ever blocks.
class EventFd {
 public:
  /// Throws std::system_error.
  EventFd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!fd_.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  int get() const noexcept { return fd_.get(); }
  void notify() noexcept {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);  // full means: it is readable
  }
  void clear() noexcept {
    uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(fd_.get(), &count, sizeof count);  // nothing to read is fine
  }

 private:
  FileDescriptor fd_;
};

}  // namespace offhook
