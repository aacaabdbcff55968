// J of one pair in double precision, and the logarithms that it needs.

#ifndef SPEAKERSDK_KERNELS_PAIR_H_
#define SPEAKERSDK_KERNELS_PAIR_H_

#include <cstddef>

#include "kernels/exponential.h"
#include "kernels/vectors.h"

namespace speakersdk {

template <typename Isa>
void Log(const float* values, std::size_t dim, double* logarithms) {
  std::size_t i = 0;
  for (; i + Isa::kDoubleLanes <= dim; i += Isa::kDoubleLanes) {
    Store<Isa>(LogDouble<Isa>(LoadWide<Isa>(values + i)), logarithms + i);
  }
  if (i == dim) return;
  Tail<Isa> tail(values + i, nullptr, dim - i, 1.0F);
  Store<Isa>(LogDouble<Isa>(LoadWide<Isa>(tail.values)), tail.weights);
  for (std::size_t j = 0; i + j < dim; ++j) logarithms[i + j] = tail.weights[j];
}

template <typename Isa>
double Pair(const float* a, const double* a_weights, const float* b,
            const double* b_weights, std::size_t dim) {
  Doubles<Isa> sums = {};
  Doubles<Isa> other_sums = {};
  std::size_t i = 0;
  const auto term = [](const float* x, const double* x_weights, const float* y,
                       const double* y_weights) {
    return (LoadDoubles<Isa>(x_weights) - LoadDoubles<Isa>(y_weights)) *
           (LoadWide<Isa>(x) - LoadWide<Isa>(y));
  };
  for (; i + 2 * Isa::kDoubleLanes <= dim; i += 2 * Isa::kDoubleLanes) {
    const std::size_t j = i + Isa::kDoubleLanes;
    sums += term(a + i, a_weights + i, b + i, b_weights + i);
    other_sums += term(a + j, a_weights + j, b + j, b_weights + j);
  }
  for (; i < dim; i += Isa::kDoubleLanes) {
    const std::size_t num = dim - i < Isa::kDoubleLanes ? dim - i : Isa::kDoubleLanes;
    const Tail<Isa> x(a + i, a_weights + i, num, 0.0F);
    const Tail<Isa> y(b + i, b_weights + i, num, 0.0F);
    sums += term(x.values, x.weights, y.values, y.weights);
  }
  const double sum = Isa::Sum(sums + other_sums);
  return sum < 0.0 ? 0.0 : sum;  // like the portable kernel
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_PAIR_H_
