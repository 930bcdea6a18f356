// The one main() of the native tests.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // as Python does: writing to a closed pipe is an error, not the end
  doctest::Context context(argc, argv);
  return context.run();
}
