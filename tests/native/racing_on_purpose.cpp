// Two threads write one plain int.  ctest expects this program to fail under ThreadSanitizer.
#include <cstdio>
#include <thread>

int main() {
  int shared = 0;
  std::thread other([&] {
    for (int i = 0; i < 10'000; ++i) ++shared;
  });
  for (int i = 0; i < 10'000; ++i) ++shared;
  other.join();
  std::printf("%d\n", shared);
  return 0;
}
