#include "cohort.h"

#include <algorithm>
#include <numeric>

#include "kernels/kernel.h"
#include "rows.h"

namespace speakersdk {
namespace {

// Minus the mean of the `number` smallest values; reorders the values.
double MeanScore(float* values, std::size_t size, std::size_t number) {
  std::nth_element(values, values + number - 1, values + size);
  return -std::accumulate(values, values + number, 0.0) / static_cast<double>(number);
}

}  // namespace

Cohort::Cohort(const float* logits, std::size_t num, std::size_t dim,
               const CohortForm& form)
    : num_(num),
      dim_(dim),
      form_(form),
      is_wide_(FindWide(logits, num, dim) != num),
      logs_(num * RowStride(dim)) {
  const std::size_t stride = RowStride(dim);
  RowMaker maker(dim);
  std::vector<float> weights(stride);  // of one member after the other, and not kept
  for (std::size_t i = 0; i < num; ++i) {
    maker.Make(logits + i * dim, 1, &logs_[i * stride], weights.data());
  }
}

void Cohort::Nearness(const float* embedding, double* out) const {
  std::vector<float> divergences = Divergences(embedding);
  const std::size_t num_inside = num_ / form_.conditions;
  double* const by_condition = out + 2;
  // The conditions first: this reorders the members only within each of them.
  for (std::size_t i = 0; i < form_.conditions; ++i) {
    by_condition[i] = MeanScore(&divergences[i * num_inside], num_inside,
                                std::max<std::size_t>(1, form_.nearest / 2));
  }
  const double mean = std::accumulate(by_condition, out + Width(), 0.0) /
                      static_cast<double>(form_.conditions);
  for (double* value = by_condition; value != out + Width(); ++value) *value -= mean;
  out[0] = MeanScore(divergences.data(), num_, form_.nearest) - form_.typical;
  out[1] = form_.telephone ? by_condition[*form_.telephone] : 0.0;
}

std::vector<float> Cohort::Divergences(const float* embedding) const {
  const Kernel& kernel = ActiveKernel();
  const std::size_t stride = RowStride(dim_);
  std::vector<float> divergences(num_);
  if (!is_wide_ && FindWide(embedding, 1, dim_) == 1) {
    std::vector<float> logs(stride);
    std::vector<float> weights(stride);
    RowMaker(dim_).Make(embedding, 1, logs.data(), weights.data());
    const float scale = 1.0F / static_cast<float>(dim_);
    kernel.scan_float32({logs.data(), weights.data(), stride, scale},
                        {logs_.data(), nullptr, num_, false}, divergences.data());
    return divergences;
  }
  // Embeddings of a length that no model of ours has: exponentials beyond float32.
  std::vector<double> weights(2 * dim_);
  double* const member_weights = weights.data() + dim_;
  kernel.softmax(embedding, dim_, weights.data());
  for (std::size_t i = 0; i < num_; ++i) {
    const float* const member = &logs_[i * stride];
    kernel.softmax(member, dim_, member_weights);
    divergences[i] = static_cast<float>(
        kernel.pair(embedding, weights.data(), member, member_weights, dim_));
  }
  return divergences;
}

}  // namespace speakersdk
