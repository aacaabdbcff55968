#include "rows.h"

#include <algorithm>
#include <cmath>

#include "kernels/kernel.h"

namespace speakersdk {

std::size_t RowStride(std::size_t dim) noexcept {
  return (dim + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
}

std::size_t FindWide(const float* logits, std::size_t num, std::size_t dim) noexcept {
  const Kernel& kernel = ActiveKernel();
  for (std::size_t row = 0; row < num; ++row, logits += dim) {
    if (!(kernel.span(logits, dim) <= kMaximumSpan)) return row;  // also for NaN
  }
  return num;
}

RowMaker::RowMaker(std::size_t dim) : dim_(dim), probabilities_(dim) {}

void RowMaker::Make(const float* logits, std::size_t num, float* logs,
                    float* weights) noexcept {
  const Kernel& kernel = ActiveKernel();
  const std::size_t padding = RowStride(dim_) - dim_;
  const auto scale = static_cast<double>(dim_);
  for (std::size_t row = 0; row < num; ++row, logits += dim_) {
    const Normalizer normalizer = kernel.softmax(logits, dim_, probabilities_.data());
    const double shift = normalizer.peak + std::log(normalizer.total / scale);
    kernel.round_row(logits, shift, probabilities_.data(), scale, dim_, logs, weights);
    logs = std::fill_n(logs + dim_, padding, 0.0F);
    weights = std::fill_n(weights + dim_, padding, 0.0F);
  }
}

}  // namespace speakersdk
