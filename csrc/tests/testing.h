// What the C++ tests have in common: checks that go on after a failure, and which
// kernel runs.

#ifndef SPEAKERSDK_TESTS_TESTING_H_
#define SPEAKERSDK_TESTS_TESTING_H_

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "kernels/kernel.h"

namespace speakersdk {

inline int num_failures = 0;

// Unlike assert, stays in release builds and goes on after a failure.
#define SPEAKERSDK_CHECK(condition)                                                \
  do {                                                                             \
    if (!(condition)) {                                                            \
      ++num_failures;                                                              \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                              \
  } while (false)

constexpr int kSkipped = 77;  // what ctest takes for a skipped test

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
