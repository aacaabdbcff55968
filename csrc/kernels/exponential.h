// Exponentials and the logarithm of vectors.

#ifndef SPEAKERSDK_KERNELS_EXPONENTIAL_H_
#define SPEAKERSDK_KERNELS_EXPONENTIAL_H_

#include <cstdint>

#include "kernels/vectors.h"

namespace speakersdk {

// Adding 1.5 * 2^23 (2^52) rounds to an integer, which is then in the lowest bits. With
// the exponent bias added, these bits, shifted to the exponent, give the power of two.
constexpr float kRound = 12582912.0F + 127.0F;
constexpr double kRoundDouble = 6755399441055744.0 + 1023.0;

// e^x for |x| <= 87, relative error 4e-7: minimax on |r| <= ln 2 / 2.
template <typename Isa>
inline Floats<Isa> Exp(Floats<Isa> x) {
  const Floats<Isa> shifted = x * 1.442695041F + kRound;
  const Floats<Isa> r = x - (shifted - kRound) * 0.693147181F;
  Floats<Isa> y = 0.008338073268532753F * r + 0.04187260940670967F;
  y = y * r + 0.16666831076145172F;
  y = y * r + 0.4999940097332001F;
  y = y * r + 1.0F;
  y = y * r + 1.0F;
  const auto power =
      reinterpret_cast<Floats<Isa>>(reinterpret_cast<Ints<Isa>>(shifted) << 23);
  return power * y;
}

// e^x for |x| <= kDoublingRange: (e^(x/8))^8, with a Taylor polynomial of degree four.
// It saves three operations. Relative error 8 (x/8)^5 / 120: 2e-3 of a percent at |x| =
// 2, 0.03 % at 4.
template <typename Isa>
inline Floats<Isa> ExpNarrow(Floats<Isa> x) {
  Floats<Isa> y = 1.0F / 98304.0F * x + 1.0F / 3072.0F;
  y = y * x + 1.0F / 128.0F;
  y = y * x + 0.125F;
  y = y * x + 1.0F;
  y *= y;
  y *= y;
  return y * y;
}

// e^x for x <= 0 within 1.1 units in the last place, zero below -708: Taylor to the
// 13th power on |r| <= ln 2 / 2, whose remainder is below 5e-18.
template <typename Isa>
inline Doubles<Isa> ExpDouble(Doubles<Isa> x) {
  constexpr Doubles<Isa> kZero = {};
  const Longs<Isa> is_zero = x < -708.0;
  x = is_zero ? kZero : x;
  const Doubles<Isa> shifted = x * 1.4426950408889634 + kRoundDouble;
  const Doubles<Isa> n = shifted - kRoundDouble;
  Doubles<Isa> r = x - n * 6.93147180369123816490e-01;  // upper bits of ln 2
  r = r - n * 1.90821492927058770002e-10;               // the rest
  constexpr double kInverseFactorials[] = {1.0 / 39916800.0,
                                           1.0 / 3628800.0,
                                           1.0 / 362880.0,
                                           1.0 / 40320.0,
                                           1.0 / 5040.0,
                                           1.0 / 720.0,
                                           1.0 / 120.0,
                                           1.0 / 24.0,
                                           1.0 / 6.0,
                                           1.0 / 2.0,
                                           1.0,
                                           1.0};
  Doubles<Isa> y = 1.0 / 6227020800.0 * r + 1.0 / 479001600.0;
#pragma GCC unroll 12
  for (const double coefficient : kInverseFactorials) y = y * r + coefficient;
  const auto power =
      reinterpret_cast<Doubles<Isa>>(reinterpret_cast<Longs<Isa>>(shifted) << 52);
  return is_zero ? kZero : power * y;
}

// ln x of positive normal x, by the method and constants of fdlibm's e_log.c (Sun
// Microsystems): x = 2^k (1 + f), s = f / (2 + f); below one unit in the last place.
template <typename Isa>
inline Doubles<Isa> LogDouble(Doubles<Isa> x) {
  using Bits = typename Isa::UnsignedLongs;
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdU;
  constexpr std::uint64_t kBias = 1024;  // keeps the difference positive
  const auto bits = reinterpret_cast<Bits>(x);
  const Bits biased = (bits - kSqrtHalf + (kBias << 52U)) >> 52U;
  const auto fraction =
      reinterpret_cast<Doubles<Isa>>(bits - ((biased - kBias) << 52U));
  const Doubles<Isa> k = reinterpret_cast<Doubles<Isa>>(biased + 0x4338000000000000U) -
                         (6755399441055744.0 + 1024.0);
  const Doubles<Isa> f = fraction - 1.0;
  const Doubles<Isa> s = f / (2.0 + f);
  const Doubles<Isa> z = s * s;
  constexpr double kCoefficients[] = {
      1.818357216161805012e-01, 2.222219843214978396e-01, 2.857142874366239149e-01,
      3.999999999940941908e-01, 6.666666666666735130e-01};
  Doubles<Isa> remainder = 1.479819860511658591e-01 * z + 1.531383769920937332e-01;
#pragma GCC unroll 5
  for (const double coefficient : kCoefficients) {
    remainder = remainder * z + coefficient;
  }
  remainder *= z;
  const Doubles<Isa> half_square = 0.5 * f * f;
  return k * 6.93147180369123816490e-01 -
         ((half_square -
           (s * (half_square + remainder) + k * 1.90821492927058770002e-10)) -
          f);
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_EXPONENTIAL_H_
