// J of all pairs of rows, computed by one matrix product in float32.
//
// With P = D p, L = ln(D p) and any vectors c, d that are the same for all rows,
//
//     D J(a, b) = <P_a - c, L_a - d> + <P_b - c, L_b - d>
//               - <P_a - c, L_b - d> - <P_b - c, L_a - d>
//
// All pairs are therefore one product of inner size 2 D. c and d are the means of the
// rows of `a`: smaller vectors reduce cancellation. Groups of 64 terms are summed
// separately. With u = 2^-24 the error is below
//
//     g (s_a + s_b) / D,   g = (64 + D / 32 + 16) u,   s = (|P - c|^2 + |L - d|^2) / 2
//
// (Cauchy-Schwarz). A pair whose bound exceeds kPairTolerance J is computed again in
// the difference form of kernel.h. The relative error is therefore below
// kPairTolerance, or that of scan_float32.

#ifndef SPEAKERSDK_MATRIX_FORM_H_
#define SPEAKERSDK_MATRIX_FORM_H_

#include <cstddef>

namespace speakersdk {

constexpr float kPairTolerance = 1e-5F;

// Logits a: (num_a, dim), b: (num_b, dim), in which FindWide finds nothing; out:
// (num_a, num_b). num_a, num_b, dim, num_threads >= 1. Returns the number of pairs that
// were computed in the difference form.
std::size_t AllPairs(const float* a, std::size_t num_a, const float* b,
                     std::size_t num_b, std::size_t dim, std::size_t num_threads,
                     float* out);

}  // namespace speakersdk

#endif  // SPEAKERSDK_MATRIX_FORM_H_
