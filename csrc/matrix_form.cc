#include "matrix_form.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "gallery.h"
#include "kernel.h"
#include "parallel.h"

namespace speakersdk {
namespace {

// Terms of a product that are summed before they are added to the rest.
constexpr std::size_t kSummedTogether = 64;

// Values of a that are packed at a time: 1 MiB, which stays in the second-level cache.
constexpr std::size_t kPackedValues = 262144;

// Rows of one side: their D p, and what the product needs of them.
struct Side {
  const float* logs;
  std::vector<float> weights;
  std::vector<float> squares;  // <P - c, L - d> of each row
  std::vector<float> bounds;   // g s / kPairTolerance of each row
};

struct Centre {
  std::vector<float> weights;  // c
  std::vector<float> logs;     // d
};

std::vector<float> Mean(const float* rows, std::size_t num, std::size_t stride) {
  std::vector<double> sums(stride);
  for (std::size_t row = 0; row < num; ++row) {
    for (std::size_t i = 0; i < stride; ++i) sums[i] += rows[row * stride + i];
  }
  std::vector<float> mean(stride);
  for (std::size_t i = 0; i < stride; ++i) {
    mean[i] = static_cast<float>(sums[i] / static_cast<double>(num));
  }
  return mean;
}

// Packs rows of one side for the product: column-wise, `width` rows side by side, the
// missing ones zero. The first half of the depth holds `first` (weights for a, logs for
// b), the second the other.
void Pack(const float* first, const float* first_centre, const float* second,
          const float* second_centre, std::size_t num, std::size_t width,
          std::size_t stride, float* packed) {
  // 16 columns of all rows at a time, so that what is written to stays in the
  // first-level cache.
  for (std::size_t from = 0; from < stride; from += kRowMultiple) {
    for (std::size_t row = 0; row < width; ++row) {
      float* to = packed + from * width + row;
      float* second_to = to + stride * width;
      const std::size_t offset = row * stride + from;
      for (std::size_t i = 0; i < kRowMultiple; ++i) {
        const bool is_there = row < num;
        to[i * width] = is_there ? first[offset + i] - first_centre[from + i] : 0.0F;
        second_to[i * width] =
            is_there ? second[offset + i] - second_centre[from + i] : 0.0F;
      }
    }
  }
}

// <P - c, L - d> and g s / kPairTolerance of a row, summed in double.
void Measure(const float* weights, const float* logs, const Centre& centre,
             float* square, float* bound) {
  const std::size_t stride = centre.logs.size();
  // In lanes that the compiler can keep in vector registers; kRowMultiple divides the
  // stride.
  std::array<double, kRowMultiple> products{};
  std::array<double, kRowMultiple> sizes{};
  for (std::size_t i = 0; i < stride; i += kRowMultiple) {
    for (std::size_t lane = 0; lane < kRowMultiple; ++lane) {
      const double weight = weights[i + lane] - centre.weights[i + lane];
      const double log = logs[i + lane] - centre.logs[i + lane];
      products[lane] += weight * log;
      sizes[lane] += weight * weight + log * log;
    }
  }
  double product = 0.0;
  double size = 0.0;
  for (std::size_t lane = 0; lane < kRowMultiple; ++lane) {
    product += products[lane];
    size += sizes[lane];
  }
  const double num_sums = 2.0 * static_cast<double>(stride) / kSummedTogether;
  const double unit = (kSummedTogether + num_sums + 16.0) / 16777216.0;
  *square = static_cast<float>(product);
  *bound = static_cast<float>(0.5 * size * unit / kPairTolerance);
}

// `padding` rows more than `num` have squares and bounds of zero.
Side MakeSide(const float* logs, std::size_t num, std::size_t dim,
              std::size_t padding) {
  const std::size_t stride = RowStride(dim);
  Side side{logs, std::vector<float>(num * stride), std::vector<float>(num + padding),
            std::vector<float>(num + padding)};
  Weights(logs, num, dim, side.weights.data());
  return side;
}

void MeasureAll(const Centre& centre, std::size_t num, Side* side) {
  const std::size_t stride = centre.logs.size();
  for (std::size_t row = 0; row < num; ++row) {
    Measure(&side->weights[row * stride], side->logs + row * stride, centre,
            &side->squares[row], &side->bounds[row]);
  }
}

// A tile of the result: which rows and columns of it.
struct Tile {
  std::size_t row;
  std::size_t num_rows;
  std::size_t column;
  std::size_t num_columns;
};

// J of one tile from its products; returns how many pairs were not certain enough.
std::size_t Finish(const Kernel& kernel, const Side& a, const Side& b, const Tile& tile,
                   std::size_t dim, const float* products, float* out,
                   std::size_t num_b) {
  const std::size_t stride = RowStride(dim);
  const float scale = 1.0F / static_cast<float>(dim);
  const TileSums sums = {&a.squares[tile.row], &a.bounds[tile.row],
                         &b.squares[tile.column], &b.bounds[tile.column], scale};
  float* const to = out + tile.row * num_b + tile.column;
  std::uint32_t uncertain = 0;
  if (tile.num_columns == kernel.tile_columns) {
    uncertain = kernel.finish_rows(sums, products, tile.num_rows, to, num_b);
  } else {  // the last column cuts the tile
    std::array<float, kMaxTileRows * kMaxTileColumns> whole{};
    uncertain = kernel.finish_rows(sums, products, tile.num_rows, whole.data(),
                                   kernel.tile_columns);
    for (std::size_t i = 0; i < tile.num_rows; ++i) {
      std::copy_n(&whole[i * kernel.tile_columns], tile.num_columns, to + i * num_b);
    }
  }
  std::size_t num_uncertain = 0;
  for (std::size_t i = 0; (uncertain >> i) != 0; ++i) {
    const std::size_t row = tile.row + i;
    const ScanProbe probe = {a.logs + row * stride, &a.weights[row * stride], stride,
                             scale};
    for (std::size_t j = 0; j < tile.num_columns; ++j) {
      const std::size_t column = tile.column + j;
      const float divergence =
          a.squares[row] + b.squares[column] - products[i * kernel.tile_columns + j];
      if (divergence >= a.bounds[row] + b.bounds[column]) continue;
      kernel.scan_float32(probe, {b.logs + column * stride, nullptr, 1, false},
                          to + i * num_b + j);
      ++num_uncertain;
    }
  }
  return num_uncertain;
}

}  // namespace

std::size_t AllPairs(const float* a_logs, std::size_t num_a, const float* b_logs,
                     std::size_t num_b, std::size_t dim, std::size_t num_threads,
                     float* out) {
  const Kernel& kernel = ActiveKernel();
  const std::size_t stride = RowStride(dim);
  const std::size_t depth = 2 * stride;
  const std::size_t height = kernel.tile_rows;
  const std::size_t width = kernel.tile_columns;
  Side a = MakeSide(a_logs, num_a, dim, 0);
  Side b = MakeSide(b_logs, num_b, dim, width);
  const Centre centre = {Mean(a.weights.data(), num_a, stride),
                         Mean(a_logs, num_a, stride)};
  MeasureAll(centre, num_a, &a);
  MeasureAll(centre, num_b, &b);

  const std::size_t num_panels = (num_b + width - 1) / width;
  const std::size_t block_rows =
      std::max(kPackedValues / depth / height, std::size_t{1}) * height;
  std::vector<float> a_packed((std::min(num_a, block_rows) + height - 1) / height *
                              height * depth);
  std::vector<float> b_packed(num_threads * width * depth);  // one panel per thread
  std::atomic<std::size_t> num_uncertain = 0;
  for (std::size_t block = 0; block < num_a; block += block_rows) {
    const std::size_t end = std::min(block + block_rows, num_a);
    for (std::size_t row = block; row < end; row += height) {
      Pack(&a.weights[row * stride], centre.weights.data(), a_logs + row * stride,
           centre.logs.data(), std::min(height, end - row), height, stride,
           &a_packed[(row - block) * depth]);
    }
    RunInThreads(num_threads, [&](std::size_t thread) {
      float* const panel = &b_packed[thread * width * depth];
      std::array<float, kMaxTileRows * kMaxTileColumns> products{};
      std::size_t num_own = 0;
      for (std::size_t index = thread; index < num_panels; index += num_threads) {
        const std::size_t column = index * width;
        const std::size_t num_columns = std::min(width, num_b - column);
        Pack(b_logs + column * stride, centre.logs.data(), &b.weights[column * stride],
             centre.weights.data(), num_columns, width, stride, panel);
        for (std::size_t row = block; row < end; row += height) {
          products.fill(0.0F);
          // Each row of the tile lies in a page of its own, which no hardware
          // prefetcher follows.
          for (std::size_t i = row; i < std::min(row + height, end); ++i) {
            for (std::size_t j = 0; j < num_columns; j += kRowMultiple) {
              __builtin_prefetch(out + i * num_b + column + j, 1);
            }
          }
          const float* const rows = &a_packed[(row - block) * depth];
          for (std::size_t k = 0; k < depth; k += kSummedTogether) {
            kernel.tile_product(rows + k * height, panel + k * width,
                                std::min(kSummedTogether, depth - k), products.data());
          }
          const Tile tile = {row, std::min(height, end - row), column, num_columns};
          num_own += Finish(kernel, a, b, tile, dim, products.data(), out, num_b);
        }
      }
      num_uncertain += num_own;
    });
  }
  return num_uncertain;
}

}  // namespace speakersdk
