// Runs a fuzz target once over each file that is named: for builds that have no libFuzzer.

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  for (int at = 1; at < argc; ++at) {
    std::ifstream file(argv[at], std::ios::binary);
    if (!file) {
      std::cerr << argv[at] << ": cannot be read\n";
      return 2;
    }
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  return argc > 1 ? 0 : 2;
}
