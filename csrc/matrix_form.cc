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

// Rows of a that are packed at a time; 1024 rows of 128 values (1 MiB) stay in the
// second-level cache.
constexpr std::size_t kPackedRows = 1024;

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
  for (std::size_t row = 0; row < width; ++row) {
    float* to = packed + row;
    if (row >= num) {
      for (std::size_t i = 0; i < 2 * stride; ++i) to[i * width] = 0.0F;
      continue;
    }
    for (std::size_t i = 0; i < stride; ++i) {
      to[i * width] = first[row * stride + i] - first_centre[i];
      to[(stride + i) * width] = second[row * stride + i] - second_centre[i];
    }
  }
}

// <P - c, L - d> and g s / kPairTolerance of a row, in double.
void Measure(const float* weights, const float* logs, const Centre& centre,
             float* square, float* bound) {
  const std::size_t stride = centre.logs.size();
  double product = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < stride; ++i) {
    const double weight = weights[i] - centre.weights[i];
    const double log = logs[i] - centre.logs[i];
    product += weight * log;
    size += weight * weight + log * log;
  }
  const double num_sums = 2.0 * static_cast<double>(stride) / kSummedTogether;
  const double unit = (kSummedTogether + num_sums + 16.0) / 16777216.0;
  *square = static_cast<float>(product);
  *bound = static_cast<float>(0.5 * size * unit / kPairTolerance);
}

Side MakeSide(const float* logs, std::size_t num, std::size_t dim) {
  const std::size_t stride = RowStride(dim);
  Side side{logs, std::vector<float>(num * stride), std::vector<float>(num),
            std::vector<float>(num)};
  Weights(logs, num, dim, side.weights.data());
  return side;
}

void MeasureAll(const Centre& centre, Side* side) {
  const std::size_t stride = centre.logs.size();
  for (std::size_t row = 0; row < side->squares.size(); ++row) {
    Measure(&side->weights[row * stride], side->logs + row * stride, centre,
            &side->squares[row], &side->bounds[row]);
  }
}

// J of one tile from its products; returns how many pairs were not certain enough.
std::size_t Finish(const Kernel& kernel, const Side& a, const Side& b, std::size_t row,
                   std::size_t num_rows, std::size_t column, std::size_t num_columns,
                   std::size_t dim, const float* products, float* out,
                   std::size_t num_b) {
  const std::size_t stride = RowStride(dim);
  const float scale = 1.0F / static_cast<float>(dim);
  std::size_t num_uncertain = 0;
  for (std::size_t i = 0; i < num_rows; ++i) {
    const float* product = products + i * kernel.tile_columns;
    float* const to = out + (row + i) * num_b + column;
    const float square = a.squares[row + i];
    const float bound = a.bounds[row + i];
    int num_certain = 0;
    for (std::size_t j = 0; j < num_columns; ++j) {
      const float divergence = square + b.squares[column + j] - product[j];
      to[j] = divergence * scale;
      num_certain += static_cast<int>(divergence >= bound + b.bounds[column + j]);
    }
    if (static_cast<std::size_t>(num_certain) == num_columns) continue;
    const ScanProbe probe = {a.logs + (row + i) * stride,
                             &a.weights[(row + i) * stride], stride, scale};
    for (std::size_t j = 0; j < num_columns; ++j) {
      const float divergence = square + b.squares[column + j] - product[j];
      if (divergence >= bound + b.bounds[column + j]) continue;
      kernel.scan_float32(probe, {b.logs + (column + j) * stride, nullptr, 1, false},
                          to + j);
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
  Side a = MakeSide(a_logs, num_a, dim);
  Side b = MakeSide(b_logs, num_b, dim);
  const Centre centre = {Mean(a.weights.data(), num_a, stride),
                         Mean(a_logs, num_a, stride)};
  MeasureAll(centre, &a);
  MeasureAll(centre, &b);

  const std::size_t num_panels = (num_b + width - 1) / width;
  const std::size_t block_rows =
      std::max(kPackedRows / height, std::size_t{1}) * height;
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
          const float* const rows = &a_packed[(row - block) * depth];
          for (std::size_t k = 0; k < depth; k += kSummedTogether) {
            kernel.tile_product(rows + k * height, panel + k * width,
                                std::min(kSummedTogether, depth - k), products.data());
          }
          num_own += Finish(kernel, a, b, row, std::min(height, end - row), column,
                            num_columns, dim, products.data(), out, num_b);
        }
      }
      num_uncertain += num_own;
    });
  }
  return num_uncertain;
}

}  // namespace speakersdk
