// The softmax of a row of logits, and the row that a gallery stores.

#ifndef SPEAKERSDK_KERNELS_SOFTMAX_H_
#define SPEAKERSDK_KERNELS_SOFTMAX_H_

#include <cstddef>

#include "kernels/exponential.h"
#include "kernels/kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {

template <typename Isa>
float Span(const float* values, std::size_t size) {
  float high = values[0];
  float low = values[0];
  float not_finite = 0.0F;
  std::size_t i = 0;
  if (size >= Isa::kLanes) {
    Floats<Isa> highs = Isa::Load(values);
    Floats<Isa> negated_lows = -highs;
    Floats<Isa> differences = {};
    for (; i + Isa::kLanes <= size; i += Isa::kLanes) {
      const Floats<Isa> next = Isa::Load(values + i);
      highs = next > highs ? next : highs;
      negated_lows = -next > negated_lows ? -next : negated_lows;
      differences += next - next;
    }
    high = Isa::Max(highs);
    low = -Isa::Max(negated_lows);
    not_finite = Isa::Sum(differences);
  }
  for (; i < size; ++i) {
    high = values[i] > high ? values[i] : high;
    low = values[i] < low ? values[i] : low;
    not_finite += values[i] - values[i];
  }
  return high - low + not_finite;
}

template <typename Isa>
float Maximum(const float* values, std::size_t size) {
  float maximum = values[0];
  std::size_t i = 0;
  if (size >= Isa::kLanes) {
    Floats<Isa> maxima = Isa::Load(values);
    for (i = Isa::kLanes; i + Isa::kLanes <= size; i += Isa::kLanes) {
      const Floats<Isa> next = Isa::Load(values + i);
      maxima = next > maxima ? next : maxima;
    }
    maximum = Isa::Max(maxima);
  }
  for (; i < size; ++i) maximum = values[i] > maximum ? values[i] : maximum;
  return maximum;
}

template <typename Isa>
Normalizer Softmax(const float* logits, std::size_t dim, double* probabilities) {
  const float peak = Maximum<Isa>(logits, dim);
  const auto wide_peak = static_cast<double>(peak);
  Doubles<Isa> totals = {};
  std::size_t i = 0;
  for (; i + Isa::kDoubleLanes <= dim; i += Isa::kDoubleLanes) {
    const Doubles<Isa> y = ExpDouble<Isa>(LoadWide<Isa>(logits + i) - wide_peak);
    Store<Isa>(y, probabilities + i);
    totals += y;
  }
  double total = Isa::Sum(totals);
  if (i < dim) {
    Tail<Isa> tail(logits + i, nullptr, dim - i, peak);
    Store<Isa>(ExpDouble<Isa>(LoadWide<Isa>(tail.values) - wide_peak), tail.weights);
    for (std::size_t j = 0; i + j < dim; ++j) {
      probabilities[i + j] = tail.weights[j];
      total += tail.weights[j];
    }
  }
  const double inverse = 1.0 / total;
  i = 0;
  for (; i + Isa::kDoubleLanes <= dim; i += Isa::kDoubleLanes) {
    Store<Isa>(LoadDoubles<Isa>(probabilities + i) * inverse, probabilities + i);
  }
  for (; i < dim; ++i) probabilities[i] *= inverse;
  return {wide_peak, total};
}

template <typename Isa>
void RoundRow(const float* logits, double shift, const double* probabilities,
              double scale, std::size_t dim, float* logs, float* weights) {
  std::size_t i = 0;
  for (; i + Isa::kDoubleLanes <= dim; i += Isa::kDoubleLanes) {
    StoreNarrow<Isa>(LoadWide<Isa>(logits + i) - shift, logs + i);
    StoreNarrow<Isa>(LoadDoubles<Isa>(probabilities + i) * scale, weights + i);
  }
  for (; i < dim; ++i) {
    logs[i] = static_cast<float>(static_cast<double>(logits[i]) - shift);
    weights[i] = static_cast<float>(probabilities[i] * scale);
  }
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_SOFTMAX_H_
