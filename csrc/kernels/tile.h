// The matrix product behind J of all pairs, tile by tile.

#ifndef SPEAKERSDK_KERNELS_TILE_H_
#define SPEAKERSDK_KERNELS_TILE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {

template <typename Isa>
Moments Measure(const float* weights, const float* center_weights, const float* logs,
                const float* center_logs, std::size_t stride) {
  Doubles<Isa> products = {};
  Doubles<Isa> sizes = {};
  for (std::size_t i = 0; i < stride; i += Isa::kDoubleLanes) {
    const Doubles<Isa> weight =
        LoadWide<Isa>(weights + i) - LoadWide<Isa>(center_weights + i);
    const Doubles<Isa> log = LoadWide<Isa>(logs + i) - LoadWide<Isa>(center_logs + i);
    products += weight * log;
    sizes += weight * weight + log * log;
  }
  return {Isa::Sum(products), Isa::Sum(sizes)};
}

// One step of a transposition: exchanges the off-diagonal blocks of kStep lanes.
template <typename Isa, std::size_t kStep, std::size_t... kLane>
inline void Exchange(Floats<Isa>& upper, Floats<Isa>& lower,
                     std::index_sequence<kLane...>) {
  constexpr std::size_t kLanes = Isa::kLanes;
  const Floats<Isa> a = upper;
  const Floats<Isa> b = lower;
  upper = __builtin_shufflevector(
      a, b, ((kLane & kStep) == 0 ? kLane : kLanes + kLane - kStep)...);
  lower = __builtin_shufflevector(
      a, b, ((kLane & kStep) == 0 ? kLane + kStep : kLanes + kLane)...);
}

template <typename Isa, std::size_t kStep = 1>
inline void Transpose(Floats<Isa>* rows) {
  if constexpr (kStep < Isa::kLanes) {
#pragma GCC unroll 16
    for (std::size_t row = 0; row < Isa::kLanes; ++row) {
      if ((row & kStep) != 0) continue;
      Exchange<Isa, kStep>(rows[row], rows[row + kStep],
                           std::make_index_sequence<Isa::kLanes>());
    }
    Transpose<Isa, 2 * kStep>(rows);
  }
}

template <typename Isa>
void Pack(const float* rows, const float* center, std::size_t num, std::size_t stride,
          std::size_t width, float* packed) {
  constexpr std::size_t kLanes = Isa::kLanes;
  static_assert(kRowMultiple % kLanes == 0);
  for (std::size_t first = 0; first < width; first += kLanes) {
    const std::size_t num_columns = width - first < kLanes ? width - first : kLanes;
    for (std::size_t i = 0; i < stride; i += kLanes) {
      Floats<Isa> block[kLanes];
#pragma GCC unroll 16
      for (std::size_t row = 0; row < kLanes; ++row) {
        block[row] = first + row < num ? Isa::Load(rows + (first + row) * stride + i) -
                                             Isa::Load(center + i)
                                       : Floats<Isa>{};
      }
      Transpose<Isa>(block);
#pragma GCC unroll 16
      for (std::size_t k = 0; k < kLanes; ++k) {
        float* const to = packed + (i + k) * width + first;
        if (num_columns == kLanes) {
          Store<Isa>(block[k], to);
        } else {
          __builtin_memcpy(to, &block[k], num_columns * sizeof(float));
        }
      }
    }
  }
}

template <typename Isa>
void TileProduct(const float* a, const float* b, std::size_t depth, float* c) {
  constexpr std::size_t kLanes = Isa::kLanes;
  constexpr std::size_t kVectors = Isa::kTileVectors;
  constexpr std::size_t kColumns = kVectors * kLanes;
  Floats<Isa> sums[Isa::kTileRows][kVectors] = {};
  for (std::size_t k = 0; k < depth; ++k, a += Isa::kTileRows, b += kColumns) {
    Floats<Isa> columns[kVectors];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kVectors; ++j) columns[j] = Isa::Load(b + j * kLanes);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < Isa::kTileRows; ++i) {
#pragma GCC unroll 4
      for (std::size_t j = 0; j < kVectors; ++j) sums[i][j] += a[i] * columns[j];
    }
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < Isa::kTileRows; ++i) {
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kVectors; ++j) {
      float* const to = c + i * kColumns + j * kLanes;
      Store<Isa>(Isa::Load(to) + sums[i][j], to);
    }
  }
}

template <typename Isa>
std::uint32_t FinishRows(const TileSums& sums, const float* products,
                         std::size_t num_rows, float* out, std::size_t out_stride) {
  constexpr std::size_t kLanes = Isa::kLanes;
  constexpr std::size_t kColumns = Isa::kTileVectors * kLanes;
  std::uint32_t uncertain = 0;
  for (std::size_t i = 0; i < num_rows; ++i, products += kColumns, out += out_stride) {
    const float square = sums.squares_a[i];
    const float bound = sums.bounds_a[i];
    Ints<Isa> is_below = {};
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kColumns; j += kLanes) {
      const Floats<Isa> divergence =
          square + Isa::Load(sums.squares_b + j) - Isa::Load(products + j);
      is_below |= divergence < bound + Isa::Load(sums.bounds_b + j);
      Store<Isa>(divergence * sums.scale, out + j);
    }
    uncertain |= static_cast<std::uint32_t>(Isa::AnyTrue(is_below)) << i;
  }
  return uncertain;
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_TILE_H_
