#include "gallery.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.h"

namespace speakersdk {
namespace {

// Rows whose scores are held before they are compared with the worst candidate; 256
// rows of 128 values (128 KiB) stay in the second-level cache while every probe of a
// batch passes over them.
constexpr std::size_t kScoredTogether = 256;

bool IsNearer(const Candidate& a, const Candidate& b) {
  return a.divergence < b.divergence || (a.divergence == b.divergence && a.row < b.row);
}

// The k nearest so far: a heap with the farthest on top.
class Nearest {
 public:
  explicit Nearest(std::size_t k) : k_(k) { heap_.reserve(k); }

  // Rows come in rising order, so that an equal one never displaces another.
  void Push(float divergence, std::size_t row) {
    if (heap_.size() == k_) {
      if (!(divergence < heap_.front().divergence)) return;  // nor is a NaN smaller
      std::pop_heap(heap_.begin(), heap_.end(), IsNearer);
      heap_.back() = {divergence, row};
    } else {
      if (std::isnan(divergence)) return;
      heap_.push_back({divergence, row});
    }
    std::push_heap(heap_.begin(), heap_.end(), IsNearer);
  }

  [[nodiscard]] const std::vector<Candidate>& Candidates() const { return heap_; }

 private:
  std::size_t k_;
  std::vector<Candidate> heap_;
};

ScanFunction Scan(Storage storage) {
  const Kernel& kernel = ActiveKernel();
  switch (storage) {
    case Storage::kFloat16:
      return kernel.scan_float16;
    case Storage::kInt8:
      return kernel.scan_int8;
    case Storage::kFloat32:
      break;
  }
  return kernel.scan_float32;
}

std::size_t ValueBytes(Storage storage) {
  switch (storage) {
    case Storage::kFloat16:
      return 2;
    case Storage::kInt8:
      return 1;
    case Storage::kFloat32:
      break;
  }
  return sizeof(float);
}

ScanProbe ProbeAt(const GalleryProbes& probes, std::size_t index, std::size_t dim) {
  const std::size_t stride = RowStride(dim);
  return {probes.logs + index * stride, probes.weights + index * stride, stride,
          1.0F / static_cast<float>(dim)};
}

// Rows first ... first + num - 1.
ScanRows Part(const GalleryRows& gallery, std::size_t first, std::size_t num) {
  const std::size_t row_bytes = RowStride(gallery.dim) * ValueBytes(gallery.storage);
  ScanRows part = gallery.rows;
  part.values = static_cast<const char*>(part.values) + first * row_bytes;
  if (part.scales != nullptr) part.scales += first;
  part.num = num;
  return part;
}

// Maximum minus minimum, in lanes that the compiler can keep in vector registers.
double Span(const float* values, std::size_t size) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> low{};
  std::array<float, kLanes> high{};
  low.fill(values[0]);
  high.fill(values[0]);
  const auto extend = [&](std::size_t lane, float value) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
  };
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) extend(lane, values[i + lane]);
  }
  for (std::size_t lane = 0; i + lane < size; ++lane) extend(lane, values[i + lane]);
  return static_cast<double>(*std::max_element(high.begin(), high.end())) -
         static_cast<double>(*std::min_element(low.begin(), low.end()));
}

// Rows of thread `index` of `num_threads`: [First(index), First(index + 1)).
std::size_t FirstRow(std::size_t num, std::size_t num_threads, std::size_t index) {
  return num / num_threads * index + std::min(index, num % num_threads);
}

}  // namespace

std::size_t RowStride(std::size_t dim) noexcept {
  return (dim + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
}

std::size_t LogProbabilities(const float* logits, std::size_t num, std::size_t dim,
                             float* logs) {
  const Kernel& kernel = ActiveKernel();
  const std::size_t stride = RowStride(dim);
  const double log_dim = std::log(static_cast<double>(dim));
  std::vector<double> scratch(dim);
  for (std::size_t row = 0; row < num; ++row, logits += dim, logs += stride) {
    if (!(Span(logits, dim) <= kMaximumSpan)) return row;
    const Normalizer normalizer = kernel.softmax(logits, dim, scratch.data());
    const double shift = normalizer.peak + std::log(normalizer.total) - log_dim;
    for (std::size_t i = 0; i < dim; ++i) {
      logs[i] = static_cast<float>(logits[i] - shift);
    }
    std::fill(logs + dim, logs + stride, 0.0F);
  }
  return num;
}

void Weights(const float* logs, std::size_t num, std::size_t dim, float* weights) {
  const Kernel& kernel = ActiveKernel();
  const std::size_t stride = RowStride(dim);
  const auto scale = static_cast<double>(dim);
  std::vector<double> probabilities(dim);
  for (std::size_t row = 0; row < num; ++row, logs += stride, weights += stride) {
    kernel.softmax(logs, dim, probabilities.data());
    for (std::size_t i = 0; i < dim; ++i) {
      weights[i] = static_cast<float>(scale * probabilities[i]);
    }
    std::fill(weights + dim, weights + stride, 0.0F);
  }
}

void ScoreRows(const GalleryProbes& probe, const GalleryRows& gallery,
               std::size_t num_threads, float* out) {
  const ScanProbe scan_probe = ProbeAt(probe, 0, gallery.dim);
  const ScanFunction scan = Scan(gallery.storage);
  const std::size_t num = gallery.rows.num;
  RunInThreads(num_threads, [&](std::size_t thread) {
    const std::size_t first = FirstRow(num, num_threads, thread);
    const std::size_t end = FirstRow(num, num_threads, thread + 1);
    scan(scan_probe, Part(gallery, first, end - first), out + first);
  });
}

std::vector<std::vector<Candidate>> FindNearest(const GalleryProbes& probes,
                                                const GalleryRows& gallery,
                                                std::size_t k,
                                                std::size_t num_threads) {
  const std::size_t num = gallery.rows.num;
  k = std::min(k, num);
  std::vector<std::vector<Candidate>> found(probes.num);
  if (k == 0) return found;
  const ScanFunction scan = Scan(gallery.storage);
  // Of thread t: nearest[t * probes.num ...]. Reserved here, so that the threads throw
  // nothing.
  std::vector<Nearest> nearest;
  nearest.reserve(num_threads * probes.num);
  for (std::size_t i = 0; i < num_threads * probes.num; ++i) nearest.emplace_back(k);
  RunInThreads(num_threads, [&](std::size_t thread) {
    std::array<float, kScoredTogether> scores{};
    Nearest* const own = &nearest[thread * probes.num];
    const std::size_t end = FirstRow(num, num_threads, thread + 1);
    for (std::size_t first = FirstRow(num, num_threads, thread); first < end;
         first += kScoredTogether) {
      const std::size_t num_part = std::min(kScoredTogether, end - first);
      const ScanRows part = Part(gallery, first, num_part);
      for (std::size_t probe = 0; probe < probes.num; ++probe) {
        scan(ProbeAt(probes, probe, gallery.dim), part, scores.data());
        for (std::size_t i = 0; i < num_part; ++i)
          own[probe].Push(scores[i], first + i);
      }
    }
  });
  for (std::size_t probe = 0; probe < probes.num; ++probe) {
    for (std::size_t thread = 0; thread < num_threads; ++thread) {
      const auto& part = nearest[thread * probes.num + probe].Candidates();
      found[probe].insert(found[probe].end(), part.begin(), part.end());
    }
    std::sort(found[probe].begin(), found[probe].end(), IsNearer);
    if (found[probe].size() > k) found[probe].resize(k);
  }
  return found;
}

}  // namespace speakersdk
