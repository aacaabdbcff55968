// Threads that live for one call.

#ifndef SPEAKERSDK_PARALLEL_H_
#define SPEAKERSDK_PARALLEL_H_

#include <cstddef>
#include <thread>
#include <vector>

namespace speakersdk {

// Calls work(0) ... work(num_threads - 1) in threads, the first in this thread, and
// waits for them. work must not throw. num_threads >= 1.
template <typename Work>
void RunInThreads(std::size_t num_threads, const Work& work) {
  std::vector<std::thread> threads;
  threads.reserve(num_threads - 1);
  const auto join = [&threads] {
    for (std::thread& thread : threads) thread.join();
  };
  try {
    for (std::size_t i = 1; i < num_threads; ++i) threads.emplace_back(work, i);
  } catch (...) {  // the system has no more threads
    join();
    throw;
  }
  work(0);
  join();
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_PARALLEL_H_
