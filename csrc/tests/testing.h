// Shared by the C++ tests: checks that continue after a failure, and the choice of
// kernel.

#ifndef SPEAKERSDK_TESTS_TESTING_H_
#define SPEAKERSDK_TESTS_TESTING_H_

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "kernels/kernel.h"

namespace speakersdk {

inline int num_failures = 0;

// Unlike assert, works in release builds and continues after a failure.
#define SPEAKERSDK_CHECK(condition)                                                \
  do {                                                                             \
    if (!(condition)) {                                                            \
      ++num_failures;                                                              \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                              \
  } while (false)

constexpr int kSkipped = 77;  // exit status of a skipped test, see CMakeLists.txt

// Whether the kernel that SPEAKERSDK_KERNEL names runs on this processor.
inline bool KernelRuns() {
  try {
    std::printf("kernel: %s\n", ActiveKernel().name);
    return true;
  } catch (const std::invalid_argument& error) {
    std::printf("skipped: %s\n", error.what());
    return false;
  }
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_TESTS_TESTING_H_
