#include "symmetric_kl.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace speakersdk {
namespace {

// Independent accumulators: with the order of additions fixed in the source, the
// compiler may use vector registers without -ffast-math. Eight fill four 128-bit
// registers, enough to hide the latency of an addition.
constexpr std::size_t kLanes = 8;

// Rows of b whose weights are held at a time. Each row of a is then read from memory
// once per tile; 16 rows of 256 values (48 KiB with their weights) stay in cache.
constexpr std::size_t kTileRows = 16;

void Softmax(const float* logits, std::size_t dim, double* probabilities) noexcept {
  const double peak = *std::max_element(logits, logits + dim);
  double total = 0.0;
  for (std::size_t i = 0; i < dim; ++i) {
    probabilities[i] = std::exp(logits[i] - peak);
    total += probabilities[i];
  }
  for (std::size_t i = 0; i < dim; ++i) probabilities[i] /= total;
}

void Log(const float* values, std::size_t dim, double* logarithms) noexcept {
  for (std::size_t i = 0; i < dim; ++i) {
    logarithms[i] = std::log(static_cast<double>(values[i]));
  }
}

// The header's w of `num` rows.
void Weights(Domain domain, const float* rows, std::size_t num, std::size_t dim,
             double* weights) noexcept {
  const auto row_weights = domain == Domain::kLogits ? Softmax : Log;
  for (std::size_t i = 0; i < num * dim; i += dim) {
    row_weights(rows + i, dim, weights + i);
  }
}

double PairDivergence(const float* a, const double* a_weights, const float* b,
                      const double* b_weights, std::size_t dim) noexcept {
  const auto term = [=](std::size_t i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    return (a_weights[i] - b_weights[i]) * difference;
  };
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  }
  for (std::size_t lane = 0; i + lane < dim; ++lane) sums[lane] += term(i + lane);
  const double sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
                     ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  // Rounding can leave a sum that is zero in exact arithmetic just below it.
  return sum < 0.0 ? 0.0 : sum;
}

}  // namespace

std::size_t FindInvalid(Domain domain, const float* values, std::size_t size) noexcept {
  const bool positive = domain == Domain::kPositive;
  const float* invalid = std::find_if(values, values + size, [=](float value) {
    return !std::isfinite(value) || (positive && value <= 0.0F);
  });
  return static_cast<std::size_t>(invalid - values);
}

std::size_t ScratchSize(std::size_t num_a, std::size_t num_b,
                        std::size_t dim) noexcept {
  return (num_a + std::min(num_b, kTileRows)) * dim;
}

void SymmetricKlMatrix(Domain domain, const float* a, std::size_t num_a, const float* b,
                       std::size_t num_b, std::size_t dim, double* scratch,
                       double* out) noexcept {
  double* a_weights = scratch;
  double* tile_weights = scratch + num_a * dim;
  Weights(domain, a, num_a, dim, a_weights);
  for (std::size_t first = 0; first < num_b; first += kTileRows) {
    const std::size_t num_tile = std::min(kTileRows, num_b - first);
    const float* tile = b + first * dim;
    Weights(domain, tile, num_tile, dim, tile_weights);
    for (std::size_t i = 0; i < num_a; ++i) {
      for (std::size_t j = 0; j < num_tile; ++j) {
        out[i * num_b + first + j] =
            PairDivergence(a + i * dim, a_weights + i * dim, tile + j * dim,
                           tile_weights + j * dim, dim);
      }
    }
  }
}

}  // namespace speakersdk
