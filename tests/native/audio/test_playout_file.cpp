#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>

#include "audio/playout_file.h"
#include "support.h"

using offhook::PlayoutFile;
using offhook::test::Samples;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'000'000 * kMs;

/// A folder of the test's own.
struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "offhook-playout-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
  fs::path path;
};

Samples on_disk(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(bytes.size() % 2 == 0);
  Samples out(bytes.size() / 2);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

Samples counting(size_t count, int first = 1) {
  Samples out(count);
  std::iota(out.begin(), out.end(), static_cast<int16_t>(first));
  return out;
}

void write(PlayoutFile* file, const Samples& audio) {
  file->write(audio.data(), audio.size());
}

int errno_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

/// A disk that is full from that size on.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("what lies on disk is the content, and the silence behind it when it came late") {
  const Folder folder;
  const auto path = folder.file("1.sln");
  {
    PlayoutFile file(path, 8000, 60);
    CHECK(file.pad(kStart) == PlayoutFile::kNever);
    write(&file, counting(1000));
    CHECK(on_disk(path) == counting(1000));  // at once, without a start
    file.start(kStart, 0);
    const int64_t due = file.pad(kStart);
    CHECK(due == kStart + (1000 - 480 + 1) * 125'000);
    CHECK(file.pad(due - 1) == due);
    CHECK(on_disk(path).size() == 1000);
    CHECK(file.pad(due) == due + 20 * kMs);
    write(&file, counting(120, 1001));
    file.finish();
    file.finish();
    CHECK(file.pad(due + 1000 * kMs) == PlayoutFile::kNever);
    auto expected = counting(1000);
    offhook::test::append_silence(&expected, 160);
    offhook::test::append(&expected, counting(120, 1001));
    CHECK(on_disk(path) == expected);  // 1280: eight whole frames
    CHECK(file.written_samples() == 1120);
    CHECK(file.file_samples() == 1280);
    CHECK(file.underruns() == 1);
    CHECK_THROWS_AS(write(&file, counting(1)), std::invalid_argument);
    Samples out(50);
    CHECK(file.content(1100, 5000, out.data()) == 20);
    CHECK(out[0] == 1101);
    CHECK(file.content(-10, 5, out.data()) == 5);
    CHECK(file.content(2000, 3000, out.data()) == 0);
    CHECK(PlayoutFile::live() == 1);
  }
  CHECK(PlayoutFile::live() == 0);
}

TEST_CASE("a start pads an empty file, and a file made whole again") {
  const Folder folder;
  PlayoutFile file(folder.file("1.sln16"), 16000, 60);
  file.start(kStart, 0);
  CHECK(on_disk(folder.file("1.sln16")) == Samples(960, 0));
  write(&file, counting(100));
  file.stop(kStart + 10 * kMs);
  file.finish();
  CHECK(on_disk(folder.file("1.sln16")).size() == 1280);
  CHECK(file.file_position(file.position(kStart + 10 * kMs)) == 960);
}

TEST_CASE("closing keeps the past and ends everything else") {
  const Folder folder;
  PlayoutFile file(folder.file("1.sln"), 8000);
  write(&file, counting(800));
  file.start(kStart, 0);
  file.close();
  file.close();
  CHECK(file.pad(kStart + 500 * kMs) == PlayoutFile::kNever);
  CHECK_THROWS_AS(write(&file, counting(1)), std::invalid_argument);
  CHECK_THROWS_AS(file.start(kStart, 0), std::invalid_argument);
  file.finish();
  file.stop(kStart);
  CHECK(file.position(kStart + 500 * kMs) == 800);
  Samples air(80);
  file.played(kStart + 50 * kMs, air.data(), 80);
  CHECK(air == counting(80, 401));
}

TEST_CASE("a disk that fills up ends the file where it was, and says so at every write") {
  const Folder folder;
  const auto path = folder.file("1.sln");
  PlayoutFile file(path, 8000, 60);
  write(&file, counting(1000));
  {
    const FullDisk disk(2500);
    CHECK(errno_of([&] { write(&file, counting(400)); }) == EFBIG);
    CHECK(on_disk(path) == counting(1000));  // nothing half
    CHECK(file.written_samples() == 1000);
  }
  CHECK(file.write_errno() == EFBIG);
  CHECK(errno_of([&] { write(&file, counting(1)); }) == EFBIG);
  CHECK(errno_of([&] { file.finish(); }) == EFBIG);
  file.start(kStart, 0);  // what is there can be played
  CHECK(file.pad(kStart + 100 * kMs) == PlayoutFile::kNever);
  CHECK(file.position(kStart + 100 * kMs) == 800);
}

TEST_CASE("silence that does not fit is remembered for the next write") {
  const Folder folder;
  PlayoutFile file(folder.file("1.sln"), 8000, 60);
  write(&file, counting(1000));
  file.start(kStart, 0);
  {
    const FullDisk disk(2010);
    CHECK(file.pad(kStart + 100 * kMs) == PlayoutFile::kNever);
  }
  CHECK(on_disk(folder.file("1.sln")) == counting(1000));
  CHECK(file.write_errno() == EFBIG);
  CHECK(file.padded_samples() == 0);
  CHECK(errno_of([&] { write(&file, counting(1)); }) == EFBIG);
}

TEST_CASE("the folder's group may read the file, whatever the umask and our own group are") {
  const Folder folder;
  const gid_t group = ::geteuid() == 0 ? 54'321 : ::getegid();
  REQUIRE(::chown(folder.path.c_str(), static_cast<uid_t>(-1), group) == 0);
  for (const mode_t umask : {0000, 0027, 0077, 0777}) {
    const mode_t before = ::umask(umask);
    {
      const PlayoutFile file(folder.file("1.sln"), 8000);
    }
    ::umask(before);
    struct stat status{};
    REQUIRE(::stat(folder.file("1.sln").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(status.st_gid == group);
    fs::remove(folder.file("1.sln"));
  }
}

TEST_CASE("a file that cannot be made is an error with its name") {
  CHECK(errno_of([] { PlayoutFile("/no/such/folder/1.sln", 8000); }) == ENOENT);
  const Folder folder;
  CHECK_THROWS_AS(PlayoutFile(folder.file("1.sln"), 44'100), std::invalid_argument);
  CHECK(!fs::exists(folder.file("1.sln")));
  CHECK(PlayoutFile::live() == 0);
}
