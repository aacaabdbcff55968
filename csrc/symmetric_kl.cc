#include "symmetric_kl.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel.h"

namespace speakersdk {
namespace {

// Rows of b in a tile. Each row of a is read from memory once per tile; 16 rows of 256
// values (48 KiB with their weights) stay in cache.
constexpr std::size_t kTileRows = 16;

// Values checked at a time; only a block with an invalid value is searched.
constexpr std::size_t kCheckedTogether = 256;

// The weights w of `num` rows, as defined in the header.
void Weights(const Kernel& kernel, Domain domain, const float* rows, std::size_t num,
             std::size_t dim, double* weights) noexcept {
  for (std::size_t i = 0; i < num * dim; i += dim) {
    if (domain == Domain::kLogits) {
      kernel.softmax(rows + i, dim, weights + i);
    } else {
      kernel.log(rows + i, dim, weights + i);
    }
  }
}

}  // namespace

std::size_t FindInvalid(Domain domain, const float* values, std::size_t size) noexcept {
  constexpr float kMax = std::numeric_limits<float>::max();
  const bool positive = domain == Domain::kPositive;
  const float lowest = positive ? std::numeric_limits<float>::denorm_min() : -kMax;
  // Comparisons are false for NaN.
  const auto is_valid = [=](float value) { return value >= lowest && value <= kMax; };
  const Kernel& kernel = ActiveKernel();
  for (std::size_t first = 0; first < size; first += kCheckedTogether) {
    const std::size_t num = std::min(kCheckedTogether, size - first);
    const float* const begin = values + first;
    // The span is finite only if all values are.
    if (!positive && std::isfinite(kernel.span(begin, num))) continue;
    const float* const invalid = std::find_if_not(begin, begin + num, is_valid);
    if (invalid != begin + num) return static_cast<std::size_t>(invalid - values);
  }
  return size;
}

std::size_t ScratchSize(std::size_t num_a, std::size_t num_b,
                        std::size_t dim) noexcept {
  return (num_a + std::min(num_b, kTileRows)) * dim;
}

void SymmetricKlMatrix(Domain domain, const float* a, std::size_t num_a, const float* b,
                       std::size_t num_b, std::size_t dim, double* scratch,
                       double* out) noexcept {
  const Kernel& kernel = ActiveKernel();
  double* a_weights = scratch;
  double* tile_weights = scratch + num_a * dim;
  Weights(kernel, domain, a, num_a, dim, a_weights);
  for (std::size_t first = 0; first < num_b; first += kTileRows) {
    const std::size_t num_tile = std::min(kTileRows, num_b - first);
    const float* tile = b + first * dim;
    Weights(kernel, domain, tile, num_tile, dim, tile_weights);
    for (std::size_t i = 0; i < num_a; ++i) {
      for (std::size_t j = 0; j < num_tile; ++j) {
        out[i * num_b + first + j] =
            kernel.pair(a + i * dim, a_weights + i * dim, tile + j * dim,
                        tile_weights + j * dim, dim);
      }
    }
  }
}

}  // namespace speakersdk
