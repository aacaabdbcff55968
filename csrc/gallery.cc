#include "gallery.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.h"

namespace speakersdk {
namespace {

// Rows scored at a time: 256 rows of 128 values (128 KiB) stay in the second-level
// cache for all probes of a batch.
constexpr std::size_t kScoredTogether = 256;

bool IsNearer(const Candidate& a, const Candidate& b) {
  return a.divergence < b.divergence || (a.divergence == b.divergence && a.row < b.row);
}

// The k nearest rows so far: a heap with the farthest on top.
class Nearest {
 public:
  explicit Nearest(std::size_t k) : k_(k) { heap_.reserve(k); }

  // Rows come in rising order: a row of equal divergence never replaces another.
  void Push(float divergence, std::size_t row) {
    if (heap_.size() == k_) {
      if (!(divergence < worst_)) return;  // also for NaN
      std::pop_heap(heap_.begin(), heap_.end(), IsNearer);
      heap_.back() = {divergence, row};
    } else {
      if (std::isnan(divergence)) return;
      heap_.push_back({divergence, row});
    }
    std::push_heap(heap_.begin(), heap_.end(), IsNearer);
    worst_ = static_cast<float>(heap_.front().divergence);
  }

  [[nodiscard]] const std::vector<Candidate>& Candidates() const { return heap_; }

 private:
  std::size_t k_;
  float worst_ = 0.0F;
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

// ln(D q) of a row, decoded unless it is stored as float32.
const float* ExactRow(const GalleryRows& gallery, std::size_t row, float* decoded) {
  const std::size_t first = row * RowStride(gallery.dim);
  if (gallery.exact != nullptr) return gallery.exact + first;
  const void* const values = gallery.rows.values;
  for (std::size_t i = 0; i < gallery.dim; ++i) {
    switch (gallery.storage) {
      case Storage::kFloat32:
        return static_cast<const float*>(values) + first;
      case Storage::kFloat16:
        decoded[i] = WidenHalf(static_cast<const std::uint16_t*>(values)[first + i]);
        break;
      case Storage::kInt8:
        decoded[i] =
            gallery.rows.scales[row] *
            static_cast<float>(static_cast<const std::int8_t*>(values)[first + i]);
        break;
    }
  }
  return decoded;
}

// Rows of thread `index` of `num_threads`: [First(index), First(index + 1)).
std::size_t FirstRow(std::size_t num, std::size_t num_threads, std::size_t index) {
  return num / num_threads * index + std::min(index, num % num_threads);
}

}  // namespace

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
  // Thread t uses nearest[t * probes.num ...]. Memory is reserved here, because the
  // threads must not throw.
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

void Rescore(const float* probe, const GalleryRows& gallery, std::size_t k,
             std::vector<Candidate>* candidates) {
  const Kernel& kernel = ActiveKernel();
  const std::size_t dim = gallery.dim;
  std::vector<float> decoded(dim);
  std::vector<double> weights(2 * dim);
  double* const row_weights = weights.data() + dim;
  kernel.softmax(probe, dim, weights.data());
  for (Candidate& candidate : *candidates) {
    const float* const row = ExactRow(gallery, candidate.row, decoded.data());
    kernel.softmax(row, dim, row_weights);
    candidate.divergence = kernel.pair(probe, weights.data(), row, row_weights, dim);
  }
  k = std::min(k, candidates->size());
  const auto end = candidates->begin() + static_cast<std::ptrdiff_t>(k);
  std::partial_sort(candidates->begin(), end, candidates->end(), IsNearer);
  candidates->resize(k);
}

}  // namespace speakersdk
