// Search against sorting all scores: ties, removed rows, few rows, many probes, many
// threads.

#include "gallery.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "tests/testing.h"

namespace speakersdk {
namespace {

using Floats = std::vector<float>;

constexpr std::size_t kDim = 20;
constexpr std::size_t kStride = 32;

struct Rows {
  Floats logs;
  Floats weights;

  Rows(std::size_t num, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0.0F, 0.7F);
    Floats logits(num * kDim);
    for (float& value : logits) value = normal(generator);
    logs.resize(num * kStride);
    weights.resize(num * kStride);
    SPEAKERSDK_CHECK(FindWide(logits.data(), num, kDim) == num);
    RowMaker(kDim).Make(logits.data(), num, logs.data(), weights.data());
  }

  void Remove(std::size_t row) {
    logs[row * kStride] = std::numeric_limits<float>::quiet_NaN();
  }
  void Copy(std::size_t from, std::size_t to) {
    std::copy_n(&logs[from * kStride], kStride, &logs[to * kStride]);
  }
};

GalleryRows Gallery(const Rows& rows) {
  return {Storage::kFloat32,
          kDim,
          {rows.logs.data(), nullptr, rows.logs.size() / kStride, true},
          nullptr};
}

void CheckSearch(const Rows& rows, const Rows& probes, std::size_t k,
                 std::size_t num_threads) {
  const std::size_t num = rows.logs.size() / kStride;
  const std::size_t num_probes = probes.logs.size() / kStride;
  const auto found =
      FindNearest({probes.logs.data(), probes.weights.data(), num_probes},
                  Gallery(rows), k, num_threads);
  SPEAKERSDK_CHECK(found.size() == num_probes);
  for (std::size_t probe = 0; probe < num_probes; ++probe) {
    Floats scores(num);
    ScoreRows({&probes.logs[probe * kStride], &probes.weights[probe * kStride], 1},
              Gallery(rows), num_threads, scores.data());
    std::vector<std::size_t> order;
    for (std::size_t row = 0; row < num; ++row) {
      if (!std::isnan(scores[row])) order.push_back(row);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return scores[a] < scores[b];
    });
    const std::size_t wanted = std::min(k, order.size());
    SPEAKERSDK_CHECK(found[probe].size() == wanted);
    for (std::size_t i = 0; i < wanted && i < found[probe].size(); ++i) {
      SPEAKERSDK_CHECK(found[probe][i].row == order[i]);
      SPEAKERSDK_CHECK(found[probe][i].divergence == scores[order[i]]);
    }
  }
}

void TestSearchIsSorting() {
  const Rows probes(3, 1);
  for (const std::size_t num : {1U, 2U, 255U, 256U, 257U, 700U}) {
    Rows rows(num, 2);
    for (std::size_t row = 3; row < num; row += 7) rows.Copy(row / 2, row);  // ties
    for (std::size_t row = 5; row < num; row += 11) rows.Remove(row);
    for (const std::size_t k : {0U, 1U, 5U, 300U, 1000U}) {
      for (const std::size_t num_threads : {1U, 2U, 5U}) {
        CheckSearch(rows, probes, k, num_threads);
      }
    }
  }
}

void TestNothingIsFoundInNothing() {
  const Rows probe(1, 3);
  Rows rows(3, 4);
  for (std::size_t row = 0; row < 3; ++row) rows.Remove(row);
  CheckSearch(rows, probe, 2, 2);
  const GalleryRows empty = {
      Storage::kFloat32, kDim, {nullptr, nullptr, 0, true}, nullptr};
  const auto found =
      FindNearest({probe.logs.data(), probe.weights.data(), 1}, empty, 4, 3);
  SPEAKERSDK_CHECK(found.size() == 1);
  SPEAKERSDK_CHECK(found.front().empty());
}

// Rounded once to float32, the exponentials' mean is 1; too wide a row is named.
void TestRows() {
  const Rows rows(9, 5);
  for (std::size_t row = 0; row < 9; ++row) {
    double total = 0.0;
    for (std::size_t i = 0; i < kDim; ++i) {
      total += std::exp(static_cast<double>(rows.logs[row * kStride + i]));
    }
    SPEAKERSDK_CHECK(std::abs(total / kDim - 1.0) < 4e-7);
    for (std::size_t i = kDim; i < kStride; ++i) {
      SPEAKERSDK_CHECK(rows.logs[row * kStride + i] == 0.0F);
      SPEAKERSDK_CHECK(rows.weights[row * kStride + i] == 0.0F);
    }
  }
  for (const float wrong : {65.0F, -65.0F, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    for (std::size_t i = 0; i < kDim; ++i) {  // within a vector and behind the last
      Floats logits(3 * kDim);
      logits[1] = 64.0F;
      logits[kDim + i] = wrong;
      SPEAKERSDK_CHECK(FindWide(logits.data(), 3, kDim) == 1);
    }
  }
}

}  // namespace
}  // namespace speakersdk

int main() {
  if (!speakersdk::KernelRuns()) return speakersdk::kSkipped;
  speakersdk::TestSearchIsSorting();
  speakersdk::TestNothingIsFoundInNothing();
  speakersdk::TestRows();
  return speakersdk::num_failures == 0 ? 0 : 1;
}
