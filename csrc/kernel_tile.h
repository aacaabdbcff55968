// The loops of all pairs for any vector instruction set; the last part of
// kernel_vector.h.

// NOLINTBEGIN(misc-definitions-in-headers): as there.

Moments Measure(const float* weights, const float* centre_weights, const float* logs,
                const float* centre_logs, std::size_t stride) {
  Doubles products = {};
  Doubles sizes = {};
  for (std::size_t i = 0; i < stride; i += kDoubleLanes) {
    const Doubles weight = LoadWide(weights + i) - LoadWide(centre_weights + i);
    const Doubles log = LoadWide(logs + i) - LoadWide(centre_logs + i);
    products += weight * log;
    sizes += weight * weight + log * log;
  }
  return {Sum(products), Sum(sizes)};
}

// One step of a transposition: exchanges the blocks of kStep lanes that lie off the
// diagonal.
template <std::size_t kStep, std::size_t... kLane>
inline void Exchange(Floats& upper, Floats& lower, std::index_sequence<kLane...>) {
  const Floats a = upper;
  const Floats b = lower;
  upper = __builtin_shufflevector(
      a, b, ((kLane & kStep) == 0 ? kLane : kLanes + kLane - kStep)...);
  lower = __builtin_shufflevector(
      a, b, ((kLane & kStep) == 0 ? kLane + kStep : kLanes + kLane)...);
}

template <std::size_t kStep = 1>
inline void Transpose(Floats* rows) {
  if constexpr (kStep < kLanes) {
#pragma GCC unroll 16
    for (std::size_t row = 0; row < kLanes; ++row) {
      if ((row & kStep) != 0) continue;
      Exchange<kStep>(rows[row], rows[row + kStep], std::make_index_sequence<kLanes>());
    }
    Transpose<2 * kStep>(rows);
  }
}

void Pack(const float* rows, const float* centre, std::size_t num, std::size_t stride,
          std::size_t width, float* packed) {
  for (std::size_t first = 0; first < width; first += kLanes) {
    const std::size_t num_columns = width - first < kLanes ? width - first : kLanes;
    for (std::size_t i = 0; i < stride; i += kLanes) {
      Floats block[kLanes];
#pragma GCC unroll 16
      for (std::size_t row = 0; row < kLanes; ++row) {
        block[row] = first + row < num
                         ? Load(rows + (first + row) * stride + i) - Load(centre + i)
                         : Floats{};
      }
      Transpose(block);
#pragma GCC unroll 16
      for (std::size_t k = 0; k < kLanes; ++k) {
        float* const to = packed + (i + k) * width + first;
        if (num_columns == kLanes) {
          *reinterpret_cast<UnalignedFloats*>(to) = block[k];
        } else {
          __builtin_memcpy(to, &block[k], num_columns * sizeof(float));
        }
      }
    }
  }
}

void TileProduct(const float* a, const float* b, std::size_t depth, float* c) {
  constexpr std::size_t kColumns = kTileVectors * kLanes;
  Floats sums[kTileRows][kTileVectors] = {};
  for (std::size_t k = 0; k < depth; ++k, a += kTileRows, b += kColumns) {
    Floats columns[kTileVectors];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kTileVectors; ++j) columns[j] = Load(b + j * kLanes);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
      for (std::size_t j = 0; j < kTileVectors; ++j) {
        sums[i][j] += Fill(a[i]) * columns[j];
      }
    }
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kTileVectors; ++j) {
      auto* to = reinterpret_cast<UnalignedFloats*>(c + i * kColumns + j * kLanes);
      *to = *to + sums[i][j];
    }
  }
}

std::uint32_t FinishRows(const TileSums& sums, const float* products,
                         std::size_t num_rows, float* out, std::size_t out_stride) {
  constexpr std::size_t kColumns = kTileVectors * kLanes;
  std::uint32_t uncertain = 0;
  for (std::size_t i = 0; i < num_rows; ++i, products += kColumns, out += out_stride) {
    const Floats square = Fill(sums.squares_a[i]);
    const Floats bound = Fill(sums.bounds_a[i]);
    Ints is_below = {};
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kColumns; j += kLanes) {
      const Floats divergence = square + Load(sums.squares_b + j) - Load(products + j);
      is_below |= divergence < bound + Load(sums.bounds_b + j);
      *reinterpret_cast<UnalignedFloats*>(out + j) = divergence * Fill(sums.scale);
    }
    uncertain |= static_cast<std::uint32_t>(AnyTrue(is_below)) << i;
  }
  return uncertain;
}

// NOLINTEND(misc-definitions-in-headers)
