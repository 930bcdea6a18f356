#include "audio/playout_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

namespace offhook {
namespace {

constexpr int64_t kMostFrameSamples = 320;  // of 20 ms, at 16 kHz
constexpr int16_t kFrameOfSilence[kMostFrameSamples] = {};

/// Asterisk reads the file as a member of the folder's group, whatever this process's umask and own group
/// are. Not by a set-group-ID bit on the folder: systemd's RestrictSUIDSGID forbids to set one.
void open_to_folders_group(int fd, const std::string& path) {
  struct stat file, folder;
  const std::string::size_type slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return;
  if (::stat(parent.c_str(), &folder) == 0 && folder.st_gid != file.st_gid &&
      ::fchown(fd, static_cast<uid_t>(-1), folder.st_gid) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  if (::fchmod(fd, 0640) != 0) throw std::system_error(errno, std::generic_category(), path);
}

FileDescriptor create(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd.is_open()) throw std::system_error(errno, std::generic_category(), path);
  open_to_folders_group(fd.get(), path);
  return fd;
}

}  // namespace

PlayoutFile::PlayoutFile(const std::string& path, int rate_hz, int lead_ms)
    : path_(path), rate_hz_(rate_hz), timeline_(rate_hz, lead_ms), fd_(create(path)) {}

// --- The voice's side ---------------------------------------------------------------------------------

void PlayoutFile::write(const int16_t* audio, size_t count) {
  const std::lock_guard lock(mutex_);
  throw_if_failed();
  throw_if_closed();
  timeline_.reserve(count);
  if (!append_to_file(audio, static_cast<int64_t>(count))) throw_if_failed();
  timeline_.append(audio, count);
}

void PlayoutFile::finish() {
  const std::lock_guard lock(mutex_);
  if (timeline_.finished() || !fd_.is_open()) return;
  timeline_.finish();
  throw_if_failed();
  const int64_t tail = timeline_.tail_samples();
  if (!append_to_file(kFrameOfSilence, tail)) throw_if_failed();
  timeline_.append_tail(tail);
}

// --- The call's side ----------------------------------------------------------------------------------

void PlayoutFile::start(int64_t at_ns, int64_t offset_samples) {
  const std::lock_guard lock(mutex_);
  throw_if_closed();
  timeline_.start(at_ns, offset_samples);
  pad_locked(at_ns);
}

void PlayoutFile::stop(int64_t at_ns) noexcept {
  const std::lock_guard lock(mutex_);
  timeline_.stop(at_ns);
}

void PlayoutFile::close() noexcept {
  const std::lock_guard lock(mutex_);
  fd_.reset();
  timeline_.stop(kNever);
}

// --- The thread's side --------------------------------------------------------------------------------

int64_t PlayoutFile::pad(int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  pad_locked(now_ns);
  return write_errno_ == 0 ? timeline_.due_ns() : kNever;
}

void PlayoutFile::pad_locked(int64_t now_ns) noexcept {
  const int64_t frame = static_cast<int64_t>(PlayoutTimeline::kFrameMs) * rate_hz_ / 1000;
  try {
    for (int64_t missing = timeline_.missing_samples(now_ns); missing > 0; missing -= frame) {
      if (write_errno_ != 0 || !append_to_file(kFrameOfSilence, frame)) return;
      timeline_.pad(frame);
    }
  } catch (const std::bad_alloc&) {
    write_errno_ = ENOMEM;
  }
}

/// False, and write_errno_ set, when the disk is full or broken; the file is as long as before then.
bool PlayoutFile::append_to_file(const int16_t* audio, int64_t count) noexcept {
  const char* bytes = reinterpret_cast<const char*>(audio);  // slin is in the machine's own byte order
  const int64_t end = timeline_.file_samples() * 2;
  for (int64_t done = 0; done < count * 2;) {
    const ssize_t wrote =
        ::pwrite(fd_.get(), bytes + done, static_cast<size_t>(count * 2 - done), end + done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      write_errno_ = wrote < 0 ? errno : ENOSPC;
      [[maybe_unused]] const int cut = ::ftruncate(fd_.get(), end);
      return false;
    }
    done += wrote;
  }
  return true;
}

void PlayoutFile::throw_if_failed() const {
  if (write_errno_ != 0) throw std::system_error(write_errno_, std::generic_category(), path_);
}

void PlayoutFile::throw_if_closed() const {
  if (!fd_.is_open()) throw std::invalid_argument(path_ + " is closed");
}

// --- Asking -------------------------------------------------------------------------------------------

bool PlayoutFile::playing() const {
  const std::lock_guard lock(mutex_);
  return timeline_.playing();
}

bool PlayoutFile::finished() const {
  const std::lock_guard lock(mutex_);
  return timeline_.finished();
}

int64_t PlayoutFile::written_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.content_samples();
}

int64_t PlayoutFile::file_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.file_samples();
}

int64_t PlayoutFile::padded_samples() const {
  const std::lock_guard lock(mutex_);
  return timeline_.padded_samples();
}

int64_t PlayoutFile::underruns() const {
  const std::lock_guard lock(mutex_);
  return timeline_.underruns();
}

int PlayoutFile::write_errno() const {
  const std::lock_guard lock(mutex_);
  return write_errno_;
}

int64_t PlayoutFile::position(int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  return timeline_.position(now_ns);
}

int64_t PlayoutFile::file_position(int64_t content_samples) const {
  const std::lock_guard lock(mutex_);
  return timeline_.file_position(content_samples);
}

void PlayoutFile::played(int64_t start_ns, int16_t* out, int64_t count) const {
  const std::lock_guard lock(mutex_);
  timeline_.played(start_ns, out, count);
}

int64_t PlayoutFile::content(int64_t start, int64_t stop, int16_t* out) const {
  const std::lock_guard lock(mutex_);
  start = std::clamp<int64_t>(start, 0, timeline_.content_samples());
  stop = std::clamp(stop, start, timeline_.content_samples());
  timeline_.copy(start, stop, out);
  return stop - start;
}

}  // namespace offhook
