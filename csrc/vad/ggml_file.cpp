#include "vad/ggml_file.h"

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

namespace offhook {
namespace {

constexpr std::int32_t kMagic = 0x67676d6c;
constexpr std::int32_t kMaxLayers = 16;
constexpr std::int32_t kMaxNameBytes = 128;
constexpr std::size_t kMaxTensors = 64;
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
constexpr std::int32_t kTypeFloat32 = 0;
constexpr std::int32_t kTypeFloat16 = 1;

/// IEEE 754 binary16 to binary32, exactly.
float widen_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent == 0) return std::ldexp(static_cast<float>(fraction), -24) * (sign ? -1.0f : 1.0f);
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

std::uint32_t little_endian(const unsigned char* bytes, int count) {
  std::uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = (value << 8) | bytes[i];
  return value;
}

/// Takes bytes from the front; after the first shortage every take fails.
class Cursor {
 public:
  explicit Cursor(const std::vector<unsigned char>& bytes) : next_(bytes.data()), left_(bytes.size()) {}

  const unsigned char* take(std::size_t count) {
    if (count > left_) {
      short_ = true;
      left_ = 0;
      return nullptr;
    }
    const unsigned char* taken = next_;
    next_ += count;
    left_ -= count;
    return taken;
  }
  std::int32_t take_int() {
    const unsigned char* bytes = take(4);
    return bytes ? static_cast<std::int32_t>(little_endian(bytes, 4)) : 0;
  }
  std::string take_text(std::int32_t count) {
    if (count < 0 || count > kMaxNameBytes) {
      short_ = true;
      return {};
    }
    const unsigned char* bytes = take(static_cast<std::size_t>(count));
    return bytes ? std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count))
                 : std::string();
  }
  std::size_t left() const { return left_; }
  bool ran_short() const { return short_; }

 private:
  const unsigned char* next_;
  std::size_t left_;
  bool short_ = false;
};

bool refuse(std::string* problem, const std::string& text) {
  *problem = text;
  return false;
}

/// Names come from the file: keep the message printable and on one line.
std::string printable(const std::string& name) {
  std::string clean;
  for (char letter : name) clean += (letter > ' ' && letter < 0x7f) ? letter : '?';
  return clean;
}

bool parse_tensor(Cursor* cursor, GgmlFile* file, std::string* problem) {
  const std::int32_t dimensions = cursor->take_int();
  const std::int32_t name_bytes = cursor->take_int();
  const std::int32_t type = cursor->take_int();
  if (cursor->ran_short()) return refuse(problem, "is cut off inside a tensor's header");
  if (dimensions < 0 || dimensions > 4) return refuse(problem, "has a tensor with an absurd number of sizes");
  GgmlTensor tensor;
  std::size_t count = 1;
  for (std::int32_t i = 0; i < dimensions; ++i) {
    const std::int32_t size = cursor->take_int();
    if (size <= 0 || static_cast<std::size_t>(size) > cursor->left())
      return refuse(problem, "has a tensor larger than the file, or is cut off");
    tensor.sizes.push_back(size);
    count *= static_cast<std::size_t>(size);  // both factors are below 2^26: no overflow
    if (count > kMaxFileBytes) return refuse(problem, "has a tensor larger than the file");
  }
  const std::string name = cursor->take_text(name_bytes);
  if (cursor->ran_short() || name.empty()) return refuse(problem, "has a tensor without a usable name");
  if (type != kTypeFloat32 && type != kTypeFloat16)
    return refuse(problem, "stores tensor " + printable(name) + " in an unknown number format");
  const std::size_t width = type == kTypeFloat32 ? 4 : 2;
  const unsigned char* data = cursor->take(count * width);
  if (!data) return refuse(problem, "is cut off inside tensor " + printable(name));
  tensor.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = little_endian(data + i * width, static_cast<int>(width));
    tensor.values[i] = width == 4 ? std::bit_cast<float>(bits) : widen_half(static_cast<std::uint16_t>(bits));
    if (!std::isfinite(tensor.values[i]))
      return refuse(problem, "has a value that is not a number in tensor " + printable(name));
  }
  if (!file->tensors.emplace(name, std::move(tensor)).second)
    return refuse(problem, "holds tensor " + printable(name) + " twice");
  return true;
}

}  // namespace

bool parse_ggml(const std::vector<unsigned char>& bytes, GgmlFile* file, std::string* problem) {
  Cursor cursor(bytes);
  if (cursor.take_int() != kMagic) return refuse(problem, "is not a ggml file");
  file->type = cursor.take_text(cursor.take_int());
  for (std::int32_t& part : file->version) part = cursor.take_int();
  auto take_parameter = [&] {
    file->hyper_parameters.push_back(cursor.take_int());
    return file->hyper_parameters.back();
  };
  take_parameter();  // window
  take_parameter();  // context
  const std::int32_t layers = take_parameter();
  if (cursor.ran_short() || layers < 0 || layers > kMaxLayers)
    return refuse(problem, "has a damaged header, or is cut off");
  for (std::int32_t i = 0; i < layers * 3 + 4; ++i) take_parameter();
  if (cursor.ran_short()) return refuse(problem, "is cut off inside its header");
  while (cursor.left() > 0) {
    if (file->tensors.size() >= kMaxTensors) return refuse(problem, "holds too many tensors");
    if (!parse_tensor(&cursor, file, problem)) return false;
  }
  return true;
}

bool read_ggml(const std::string& path, GgmlFile* file, std::string* problem) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!stream) return refuse(problem, std::string("cannot be opened: ") + std::strerror(errno));
  std::vector<unsigned char> bytes;
  std::vector<unsigned char> piece(std::size_t{1} << 16);
  while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), stream.get())) {
    if (bytes.size() + count > kMaxFileBytes) return refuse(problem, "is too large for such a file");
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (std::ferror(stream.get()))
    return refuse(problem, std::string("cannot be read: ") + std::strerror(errno));
  return parse_ggml(bytes, file, problem);
}

}  // namespace offhook
