// Reads the container that whisper.cpp keeps its voice-activity weights in.
//
//   int32 magic "ggml", int32 n, n bytes of type, int32 version[3], int32 window, int32 context,
//   int32 layers, layers x int32 {in, out, kernel}, int32 {lstm in, lstm out, head in, head out},
//   then tensors until the end: int32 {dimensions, name bytes, type}, int32 sizes[], name, data.
//
// All little endian.  Nothing a file holds is trusted: every length is checked against what is left.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace offhook {

/// One tensor, widened to float.  The first size varies fastest.
struct GgmlTensor {
  std::vector<std::int32_t> sizes;
  std::vector<float> values;
};

/// A whole file.  hyper_parameters holds every int32 between the version and the first tensor.
struct GgmlFile {
  std::string type;
  std::int32_t version[3] = {};
  std::vector<std::int32_t> hyper_parameters;
  std::map<std::string, GgmlTensor> tensors;
};

/// Parses bytes.  Returns false and fills *problem (without the file's name) when they are not such a file.
bool parse_ggml(const std::vector<unsigned char>& bytes, GgmlFile* file, std::string* problem);

/// Reads and parses the file at path; blocks on the disk.  Files above 64 MiB are refused unread.
bool read_ggml(const std::string& path, GgmlFile* file, std::string* problem);

}  // namespace offhook
