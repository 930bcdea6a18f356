// Reads memory after freeing it.  ctest expects this program to fail under AddressSanitizer.
#include <cstdio>

int main(int argc, char**) {
  volatile int* freed = new int[4]{argc, 2, 3, 4};
  delete[] freed;
  std::printf("%d\n", freed[argc]);
  return 0;
}
