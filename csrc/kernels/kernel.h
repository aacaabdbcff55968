// The inner loops of scoring: a table of functions that each instruction set
// implements.
//
// portable.cc is the oracle: scalar C++ that follows the formulas. vector_kernel.h
// collects the same loops for all vector instruction sets; avx2.cc, avx512.cc and
// neon.cc compile them with their own options. All other files are compiled for the
// baseline of the architecture.

#ifndef SPEAKERSDK_KERNELS_KERNEL_H_
#define SPEAKERSDK_KERNELS_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace speakersdk {

// Rows of a gallery are padded with zeros to a multiple of this many values.
constexpr std::size_t kRowMultiple = 16;

// Bound of |x| for the short exponential of the scans.
constexpr float kDoublingRange = 4.0F;

// One probe for the scans. Logs are ln(D p) and weights D p in float32; both have
// `stride` values, padded with zeros.
struct ScanProbe {
  const float* logs;
  const float* weights;
  std::size_t stride;
  float scale;  // 1 / D
};

// Rows for the scans. `values` is (num, stride) of float, IEEE half (uint16_t) or
// int8_t; an int8 row represents scales[row] * values.
struct ScanRows {
  const void* values;
  const float* scales;  // int8 only
  std::size_t num;
  bool is_narrow;  // every |value| <= kDoublingRange
};

// out[row] = J(probe, row), or NaN if the row contains a NaN (a removed entry).
//
// float32: sum (D p) x expm1(x) / D with x = ln q - ln p. No term is negative,
// therefore nothing cancels. With u = 2^-24 the error is below (stride / 8 + 24) u sum
// (p_i + q_i) |ln p_i - ln q_i|. float16, int8: sum (p - q) (ln p - ln q) with the
// row's own exponentials, within 2e-4 of the sum's scale; the rounding of the stored
// values is larger.
using ScanFunction = void (*)(const ScanProbe& probe, const ScanRows& rows, float* out);

// Values that matrix_form.h adds to the products of a tile, one per row (a) and column
// (b).
struct TileSums {
  const float* squares_a;
  const float* bounds_a;
  const float* squares_b;
  const float* bounds_b;
  float scale;
};

// The normalizer of a softmax, exp(peak) total.
struct Normalizer {
  double peak;   // the largest logit
  double total;  // sum of exp(logit - peak), from 1 to the number of logits
};

// Moments of the differences w and l between a row and the center.
struct Moments {
  double product;  // <w, l>
  double size;     // <w, w> + <l, l>
};

struct Kernel {
  const char* name;

  // Largest minus smallest value; NaN if a value is not finite.
  float (*span)(const float* values, std::size_t size);

  // Computed in double from float rows. A probability below exp(-708) may become zero.
  Normalizer (*softmax)(const float* logits, std::size_t dim, double* probabilities);
  void (*log)(const float* values, std::size_t dim, double* logarithms);
  double (*pair)(const float* a, const double* a_weights, const float* b,
                 const double* b_weights, std::size_t dim);

  // logs = logits - shift and weights = scale probabilities, each rounded once.
  void (*round_row)(const float* logits, double shift, const double* probabilities,
                    double scale, std::size_t dim, float* logs, float* weights);

  // Moments of one row of `stride` values.
  Moments (*measure)(const float* weights, const float* center_weights,
                     const float* logs, const float* center_logs, std::size_t stride);

  ScanFunction scan_float32;
  ScanFunction scan_float16;
  ScanFunction scan_int8;

  // c += a b for one tile: a is (depth, tile_rows), b (depth, tile_columns), c
  // (tile_rows, tile_columns), all row-major. depth is summed before it is added to c.
  std::size_t tile_rows;
  std::size_t tile_columns;
  void (*tile_product)(const float* a, const float* b, std::size_t depth, float* c);

  // Packs rows for tile_product: packed[i][row] = rows[row][i] - center[i], where rows
  // is (num, stride), center (stride), packed (stride, width), zero after column num.
  // `width` is tile_rows or tile_columns.
  void (*pack)(const float* rows, const float* center, std::size_t num,
               std::size_t stride, std::size_t width, float* packed);

  // Finishes rows of a tile: out[i][j] = (squares_a[i] + squares_b[j] -
  // products[i][j]) * scale. The rows of out are `out_stride` apart and have
  // tile_columns values each. Bit i of the result is set if a value of row i, before
  // scaling, is below bounds_a[i] + bounds_b[j].
  std::uint32_t (*finish_rows)(const TileSums& sums, const float* products,
                               std::size_t num_rows, float* out,
                               std::size_t out_stride);
};

// Upper bounds of tile_rows and tile_columns.
constexpr std::size_t kMaxTileRows = 14;
constexpr std::size_t kMaxTileColumns = 32;

// Converts IEEE half precision to float in plain C++.
float WidenHalf(std::uint16_t half) noexcept;

// Null if this processor lacks the instructions. Kernels of other architectures are not
// compiled.
const Kernel* PortableKernel() noexcept;
const Kernel* Avx2Kernel() noexcept;
const Kernel* Avx512Kernel() noexcept;
const Kernel* NeonKernel() noexcept;

// Names of the kernels that this processor supports, fastest first, "portable" last.
std::vector<std::string> AvailableKernels();

// The kernel called `name`, or the fastest if name is null or empty.
// Throws std::invalid_argument, listing the available kernels, for an unknown name.
const Kernel& ChooseKernel(const char* name);

// The kernel that SPEAKERSDK_KERNEL names, or the fastest. The first call chooses it,
// and throws like ChooseKernel.
const Kernel& ActiveKernel();

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_KERNEL_H_
