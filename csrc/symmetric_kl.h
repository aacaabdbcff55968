// Symmetric Kullback-Leibler (Jeffreys) divergence of softmax distributions and of
// positive vectors.
//
// For rows a and b of `dim` values,
//
//     J(a, b) = sum_i (w_i(a) - w_i(b)) (a_i - b_i)
//
//   * Domain::kLogits: w = softmax. J is KL(p||q) + KL(q||p) of p = softmax(a) and
//     q = softmax(b); the logarithms of the normalizers cancel because p and q both
//     sum to one.
//   * Domain::kPositive: w = ln. J is the sum of both generalized KL divergences of
//     vectors that need not sum to one.
//
// Source: H. Jeffreys, "An invariant form for the prior probability in estimation
// problems", Proc. R. Soc. A 186, 1946.
//
// Precision: inputs are float32; weights, differences, products and sums are double.
// Only differences are multiplied: expanding the product into dot products is faster
// but loses all digits if the rows are nearly equal. The result is exactly
// symmetric, exactly zero for equal rows and never negative; with u = 2^-53 and
// R = max(a) - min(a) or that of b, whichever is larger, the error is below
//
//     kLogits:   (2 dim + R + ln dim + 8) u sum_i (w_i(a) + w_i(b)) |a_i - b_i|
//     kPositive: (dim + 4) u J + 2 u sum_i |a_i - b_i| (|ln a_i| + |ln b_i|)
//
// to first order in u, given exp and log within 1.1 units in the last place. The vector
// kernels (kernel.h) may treat softmax weights below exp(-708) as zero.

#ifndef SPEAKERSDK_SYMMETRIC_KL_H_
#define SPEAKERSDK_SYMMETRIC_KL_H_

#include <cstddef>

namespace speakersdk {

// The meaning of the values of a row.
enum class Domain {
  kLogits,    // any finite value; the row represents softmax(row)
  kPositive,  // finite and above zero
};

// Index of the first of `size` values that lies outside `domain`, or `size` if none.
std::size_t FindInvalid(Domain domain, const float* values, std::size_t size) noexcept;

// Doubles of scratch memory that SymmetricKlMatrix needs.
std::size_t ScratchSize(std::size_t num_a, std::size_t num_b, std::size_t dim) noexcept;

// Divergences between all rows of `a` and `b`: out[i * num_b + j] = J(a_i, b_j). The
// value of a pair does not depend on other rows.
//
// a: (num_a, dim) row-major; b: (num_b, dim) row-major; scratch: ScratchSize values;
// out: (num_a, num_b) row-major.
// Preconditions, which are not checked: num_a, num_b and dim are at least 1;
// FindInvalid finds nothing in a and b; scratch and out overlap no other array.
// Cost: (num_a + num_b) dim exponentials or logarithms, num_a num_b dim multiply-adds.
// Runs the loops of ActiveKernel(). Allocates nothing and is thread-safe.
void SymmetricKlMatrix(Domain domain, const float* a, std::size_t num_a, const float* b,
                       std::size_t num_b, std::size_t dim, double* scratch,
                       double* out) noexcept;

}  // namespace speakersdk

#endif  // SPEAKERSDK_SYMMETRIC_KL_H_
