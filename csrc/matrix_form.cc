#include "matrix_form.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "kernels/kernel.h"
#include "parallel.h"
#include "rows.h"

namespace speakersdk {
namespace {

// Terms of a product that are summed separately.
constexpr std::size_t kSummedTogether = 64;

// Number of terms for which the columns (16 KiB for 32) and rows of a tile fit into the
// first-level cache.
constexpr std::size_t kSliceDepth = 128;

// Columns prepared at a time: 256 of 128 values take 256 KiB, which stay in the
// second-level cache while all rows of `a` pass.
constexpr std::size_t kGroupColumns = 256;

// Tiles of rows whose products stay in the first-level cache between slices.
constexpr std::size_t kTilesTogether = 2;

constexpr std::size_t kCacheLineBytes = 64;

std::size_t RoundUp(std::size_t size, std::size_t multiple) {
  return (size + multiple - 1) / multiple * multiple;
}

// Uninitialized values, aligned to a cache line.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : values_(static_cast<float*>(
            ::operator new(size * sizeof(float), std::align_val_t{kCacheLineBytes}))) {}

  [[nodiscard]] float* data() const { return values_.get(); }

 private:
  struct Delete {
    void operator()(float* values) const {
      ::operator delete(values, std::align_val_t{kCacheLineBytes});
    }
  };
  std::unique_ptr<float, Delete> values_;
};

struct Center {
  std::vector<float> weights;  // c
  std::vector<float> logs;     // d
};

// Rows of one side, prepared for the product: all rows of `a`, or a group of rows of
// `b`.
struct Side {
  Side(std::size_t num, std::size_t stride, std::size_t width)
      : logs(num * stride),
        weights(num * stride),
        squares(RoundUp(num, width)),
        bounds(RoundUp(num, width)),
        packed(RoundUp(num, width) * 2 * stride) {}

  Buffer logs;
  Buffer weights;
  Buffer squares;  // <P - c, L - d> of each row, then zeros
  Buffer bounds;   // g s / kPairTolerance of each row, then zeros
  Buffer packed;
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

void MeasureRows(const Kernel& kernel, const Center& center, std::size_t num,
                 std::size_t width, const Side& side) {
  const std::size_t stride = center.logs.size();
  const double num_sums = 2.0 * static_cast<double>(stride) / kSummedTogether;
  const double unit = (kSummedTogether + num_sums + 16.0) / 16777216.0;
  for (std::size_t row = 0; row < num; ++row) {
    const Moments moments =
        kernel.measure(side.weights.data() + row * stride, center.weights.data(),
                       side.logs.data() + row * stride, center.logs.data(), stride);
    side.squares.data()[row] = static_cast<float>(moments.product);
    side.bounds.data()[row] =
        static_cast<float>(0.5 * moments.size * unit / kPairTolerance);
  }
  const std::size_t num_padding = RoundUp(num, width) - num;
  std::fill_n(side.squares.data() + num, num_padding, 0.0F);
  std::fill_n(side.bounds.data() + num, num_padding, 0.0F);
}

// Half of the terms of the product: (num, stride) rows and their mean.
struct Half {
  const Buffer& rows;
  const std::vector<float>& mean;
};

// Packs rows in tiles of `width`: the terms of `first`, then those of `second`.
void PackTiles(const Kernel& kernel, const Half& first, const Half& second,
               std::size_t num, std::size_t width, float* packed) {
  const std::size_t stride = first.mean.size();
  for (std::size_t row = 0; row < num; row += width) {
    const std::size_t num_rows = std::min(width, num - row);
    for (const Half* half : {&first, &second}) {
      kernel.pack(half->rows.data() + row * stride, half->mean.data(), num_rows, stride,
                  width, packed);
      packed += stride * width;
    }
  }
}

// Prefetches a tile of the result, whose rows are `stride` apart. Hardware prefetchers
// do not follow rows across pages.
void PrefetchTile([[maybe_unused]] float* tile, [[maybe_unused]] std::size_t num_rows,
                  [[maybe_unused]] std::size_t num_columns,
                  [[maybe_unused]] std::size_t stride) {
#if defined(__GNUC__)
  for (std::size_t row = 0; row < num_rows; ++row) {
    for (std::size_t column = 0; column < num_columns; column += kRowMultiple) {
      __builtin_prefetch(tile + row * stride + column, 1);
    }
  }
#endif
}

// First index and length of a range of rows or columns.
struct Range {
  std::size_t first;
  std::size_t num;
};

// One call of AllPairs.
class Product {
 public:
  Product(const float* a, std::size_t num_a, std::size_t dim)
      : kernel_(ActiveKernel()), num_a_(num_a), dim_(dim), a_(num_a, stride_, height_) {
    RowMaker(dim).Make(a, num_a, a_.logs.data(), a_.weights.data());
    center_ = {Mean(a_.weights.data(), num_a, stride_),
               Mean(a_.logs.data(), num_a, stride_)};
    MeasureRows(kernel_, center_, num_a, height_, a_);
    // Weights of a are multiplied by logs of b, and logs by weights.
    PackTiles(kernel_, {a_.weights, center_.weights}, {a_.logs, center_.logs}, num_a,
              height_, a_.packed.data());
  }

  // Buffers of a thread.
  struct Workspace {
    explicit Workspace(const Product& product)
        : maker(product.dim_),
          b(product.group_, product.stride_, product.width_),
          products(product.block_ * product.width_) {}

    RowMaker maker;
    Side b;
    Buffer products;
  };

  [[nodiscard]] std::size_t GroupColumns() const { return group_; }

  // J between all rows of a and `num` <= GroupColumns() rows of b; `out` is their first
  // column in the result. Returns the number of pairs in the difference form.
  std::size_t ScoreGroup(const float* b, std::size_t num, std::size_t num_b,
                         Workspace* workspace, float* out) const {
    const Side& side = workspace->b;
    workspace->maker.Make(b, num, side.logs.data(), side.weights.data());
    MeasureRows(kernel_, center_, num, width_, side);
    PackTiles(kernel_, {side.logs, center_.logs}, {side.weights, center_.weights}, num,
              width_, side.packed.data());
    std::size_t num_differences = 0;
    for (std::size_t row = 0; row < num_a_; row += block_) {
      const Range rows = {row, std::min(block_, num_a_ - row)};
      for (std::size_t column = 0; column < num; column += width_) {
        const Range columns = {column, std::min(width_, num - column)};
        num_differences +=
            ScoreBlock(side, rows, columns, num_b, workspace->products.data(), out);
      }
    }
    return num_differences;
  }

 private:
  // J of one block of rows and one tile of columns, one slice of terms at a time.
  // Returns the number of pairs in the difference form.
  std::size_t ScoreBlock(const Side& b, Range rows, Range columns, std::size_t num_b,
                         float* products, float* out) const {
    std::size_t num_differences = 0;
    std::fill_n(products, block_ * width_, 0.0F);
    for (std::size_t slice = 0; slice < depth_; slice += kSliceDepth) {
      const std::size_t slice_end = std::min(slice + kSliceDepth, depth_);
      for (std::size_t row = 0; row < rows.num; row += height_) {
        const Range tile_rows = {rows.first + row, std::min(height_, rows.num - row)};
        float* const tile = products + row * width_;
        float* const to = out + tile_rows.first * num_b + columns.first;
        const bool is_last = slice_end == depth_;
        if (is_last) PrefetchTile(to, tile_rows.num, columns.num, num_b);
        for (std::size_t k = slice; k < slice_end; k += kSummedTogether) {
          kernel_.tile_product(
              a_.packed.data() + tile_rows.first * depth_ + k * height_,
              b.packed.data() + columns.first * depth_ + k * width_,
              std::min(kSummedTogether, slice_end - k), tile);
        }
        if (is_last)
          num_differences += FinishTile(b, tile_rows, columns, tile, to, num_b);
      }
    }
    return num_differences;
  }

  // J of one tile from its products. Returns the number of pairs that were too
  // uncertain.
  std::size_t FinishTile(const Side& b, Range rows, Range columns,
                         const float* products, float* out, std::size_t num_b) const {
    const float scale = 1.0F / static_cast<float>(dim_);
    const TileSums sums = {
        a_.squares.data() + rows.first, a_.bounds.data() + rows.first,
        b.squares.data() + columns.first, b.bounds.data() + columns.first, scale};
    std::uint32_t uncertain = 0;
    if (columns.num == width_) {
      uncertain = kernel_.finish_rows(sums, products, rows.num, out, num_b);
    } else {  // the tile extends beyond the last column
      std::array<float, kMaxTileRows * kMaxTileColumns> whole{};
      uncertain = kernel_.finish_rows(sums, products, rows.num, whole.data(), width_);
      for (std::size_t i = 0; i < rows.num; ++i) {
        std::copy_n(&whole[i * width_], columns.num, out + i * num_b);
      }
    }
    std::size_t num_uncertain = 0;
    for (std::size_t i = 0; (uncertain >> i) != 0; ++i) {
      const std::size_t row = rows.first + i;
      const ScanProbe probe = {a_.logs.data() + row * stride_,
                               a_.weights.data() + row * stride_, stride_, scale};
      for (std::size_t j = 0; j < columns.num; ++j) {
        const float divergence =
            sums.squares_a[i] + sums.squares_b[j] - products[i * width_ + j];
        if (divergence >= sums.bounds_a[i] + sums.bounds_b[j]) continue;
        const float* const logs = b.logs.data() + (columns.first + j) * stride_;
        kernel_.scan_float32(probe, {logs, nullptr, 1, false}, out + i * num_b + j);
        ++num_uncertain;
      }
    }
    return num_uncertain;
  }

  const Kernel& kernel_;
  std::size_t num_a_;
  std::size_t dim_;
  std::size_t stride_ = RowStride(dim_);
  std::size_t depth_ = 2 * stride_;
  std::size_t height_ = kernel_.tile_rows;
  std::size_t width_ = kernel_.tile_columns;
  std::size_t group_ = kGroupColumns / width_ * width_;
  std::size_t block_ = kTilesTogether * height_;
  Side a_;
  Center center_;
};

}  // namespace

std::size_t AllPairs(const float* a, std::size_t num_a, const float* b,
                     std::size_t num_b, std::size_t dim, std::size_t num_threads,
                     float* out) {
  const Product product(a, num_a, dim);
  std::vector<Product::Workspace> workspaces;
  workspaces.reserve(num_threads);
  for (std::size_t i = 0; i < num_threads; ++i) workspaces.emplace_back(product);
  std::atomic<std::size_t> num_differences = 0;
  RunInThreads(num_threads, [&](std::size_t thread) {
    const std::size_t group = product.GroupColumns();
    for (std::size_t column = thread * group; column < num_b;
         column += num_threads * group) {
      num_differences +=
          product.ScoreGroup(b + column * dim, std::min(group, num_b - column), num_b,
                             &workspaces[thread], out + column);
    }
  });
  return num_differences;
}

}  // namespace speakersdk
