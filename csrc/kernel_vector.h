// The loops of kernel.h for any vector instruction set, in the vector types of GCC and
// Clang.
//
// Included once by each kernel_<isa>.cc, after it has defined in this anonymous
// namespace
//   kVectorBytes, kTileRows, kTileVectors, kPrefetchBytes,
//   Sum(Floats), Sum(Doubles), Max(Floats), AnyTrue(Ints),
//   Load(const float* | const uint16_t* half | const int8_t*) -> Floats.
// The file that includes this must include <utility> and <cstdint> first.
// Everything has internal linkage and calls nothing from the standard library: a
// function compiled for AVX must never be the copy that the linker keeps for the whole
// program. A product and the sum it goes into are one fused operation
// (-ffp-contract=fast).

// NOLINTBEGIN(misc-definitions-in-headers): see above.

constexpr std::size_t kLanes = kVectorBytes / sizeof(float);
constexpr std::size_t kDoubleLanes = kVectorBytes / sizeof(double);
static_assert(kRowMultiple % kLanes == 0);

using Longs = std::int64_t __attribute__((vector_size(kVectorBytes)));
using HalfFloats = float __attribute__((vector_size(kVectorBytes / 2)));
using UnalignedDoubles =
    double __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
using UnalignedHalfFloats =
    float __attribute__((vector_size(kVectorBytes / 2), aligned(4), may_alias));

inline Floats Fill(float value) { return value - Floats{}; }
inline Doubles Fill(double value) { return value - Doubles{}; }

// 1.5 * 2^23 (2^52): adding it rounds to an integer, which stands in the lowest bits.
// With the bias of the exponent added, those bits shifted to the exponent's place are
// the power of two.
constexpr float kRound = 12582912.0F + 127.0F;
constexpr double kRoundDouble = 6755399441055744.0 + 1023.0;

// e^x for |x| <= 87, relative error 4e-7: minimax on |r| <= ln 2 / 2.
inline Floats Exp(Floats x) {
  const Floats shifted = x * Fill(1.442695041F) + Fill(kRound);
  const Floats r = x - (shifted - Fill(kRound)) * Fill(0.693147181F);
  Floats y = Fill(0.008338073268532753F) * r + Fill(0.04187260940670967F);
  y = y * r + Fill(0.16666831076145172F);
  y = y * r + Fill(0.4999940097332001F);
  y = y * r + Fill(1.0F);
  y = y * r + Fill(1.0F);
  const auto power = reinterpret_cast<Floats>(reinterpret_cast<Ints>(shifted) << 23);
  return power * y;
}

// e^x for |x| <= kDoublingRange: (e^(x/8))^8, Taylor to the fourth power. Three
// operations cheaper. Relative error 8 (x/8)^5 / 120: 2e-3 of a percent at |x| = 2,
// 0.03 % at 4.
inline Floats ExpNarrow(Floats x) {
  Floats y = Fill(1.0F / 98304.0F) * x + Fill(1.0F / 3072.0F);
  y = y * x + Fill(1.0F / 128.0F);
  y = y * x + Fill(0.125F);
  y = y * x + Fill(1.0F);
  y *= y;
  y *= y;
  return y * y;
}

// Terms of J: probe's D p and ln(D p), row's ln(D q).
struct ExactTerm {
  static Floats Of(Floats weight, Floats log, Floats value) {
    const Floats x = value - log;
    return (weight * x) * (Exp(x) - Fill(1.0F));
  }
};
struct WideTerm {
  static Floats Of(Floats weight, Floats log, Floats value) {
    return (weight - Exp(value)) * (log - value);
  }
};
struct NarrowTerm {
  static Floats Of(Floats weight, Floats log, Floats value) {
    return (weight - ExpNarrow(value)) * (log - value);
  }
};

// `kRows` rows at a time share the loads of the probe. What is needed a few rows later
// is asked for between the operations: a burst of prefetches would fill the buffers
// that the loads need too.
template <typename Term, std::size_t kRows, typename Value>
inline void ScanSome(const ScanProbe& probe, const Value* values, const float* scales,
                     float* out) {
  const std::size_t stride = probe.stride;
  const auto* ahead = reinterpret_cast<const char*>(values) + kPrefetchBytes;
  Floats sums[kRows] = {};
  for (std::size_t i = 0; i < stride; i += kLanes) {
    const Floats weight = Load(probe.weights + i);
    const Floats log = Load(probe.logs + i);
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kRows; ++row) {
      const char* const later = ahead + (row * stride + i) * sizeof(Value);
      __builtin_prefetch(later);
      __builtin_prefetch(later + kPrefetchBytes, 0, 2);  // into the second level
      Floats value = Load(values + row * stride + i);
      if constexpr (sizeof(Value) == 1) value *= Fill(scales[row]);
      sums[row] += Term::Of(weight, log, value);
    }
  }
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRows; ++row) out[row] = Sum(sums[row]) * probe.scale;
}

template <typename Term, typename Value>
void ScanAll(const ScanProbe& probe, const ScanRows& rows, float* out) {
  constexpr std::size_t kRowsTogether = 4;
  const auto* values = static_cast<const Value*>(rows.values);
  const float* scales = rows.scales;
  const std::size_t scale_step = sizeof(Value) == 1 ? 1 : 0;
  std::size_t row = 0;
  for (; row + kRowsTogether <= rows.num; row += kRowsTogether) {
    ScanSome<Term, kRowsTogether>(probe, values + row * probe.stride,
                                  scales + row * scale_step, out + row);
  }
  for (; row < rows.num; ++row) {
    ScanSome<Term, 1>(probe, values + row * probe.stride, scales + row * scale_step,
                      out + row);
  }
}

void ScanFloat32(const ScanProbe& probe, const ScanRows& rows, float* out) {
  ScanAll<ExactTerm, float>(probe, rows, out);
}

template <typename Value>
void ScanCompact(const ScanProbe& probe, const ScanRows& rows, float* out) {
  if (rows.is_narrow) {
    ScanAll<NarrowTerm, Value>(probe, rows, out);
  } else {
    ScanAll<WideTerm, Value>(probe, rows, out);
  }
}

// In double from here on.

inline Doubles LoadWide(const float* values) {
  return __builtin_convertvector(*reinterpret_cast<const UnalignedHalfFloats*>(values),
                                 Doubles);
}

inline Doubles LoadDoubles(const double* values) {
  return *reinterpret_cast<const UnalignedDoubles*>(values);
}

inline void Store(Doubles values, double* to) {
  *reinterpret_cast<UnalignedDoubles*>(to) = values;
}

inline void StoreNarrow(Doubles values, float* to) {
  *reinterpret_cast<UnalignedHalfFloats*>(to) =
      __builtin_convertvector(values, HalfFloats);
}

// The last values of a row that fill no vector, padded.
struct Tail {
  alignas(kVectorBytes) float values[kDoubleLanes];
  alignas(kVectorBytes) double weights[kDoubleLanes];

  Tail(const float* from, const double* from_weights, std::size_t num, float padding) {
    for (std::size_t i = 0; i < kDoubleLanes; ++i) {
      values[i] = i < num ? from[i] : padding;
      weights[i] = i < num && from_weights != nullptr ? from_weights[i] : 0.0;
    }
  }
};

// e^x for x <= 0 within 1.1 units in the last place, zero below -708: Taylor to the
// 13th power on |r| <= ln 2 / 2, whose remainder is below 5e-18.
inline Doubles ExpDouble(Doubles x) {
  const Longs is_zero = x < Fill(-708.0);
  x = is_zero ? Fill(0.0) : x;
  const Doubles shifted = x * Fill(1.4426950408889634) + Fill(kRoundDouble);
  const Doubles n = shifted - Fill(kRoundDouble);
  Doubles r = x - n * Fill(6.93147180369123816490e-01);  // upper bits of ln 2
  r = r - n * Fill(1.90821492927058770002e-10);          // the rest
  constexpr double kInverseFactorials[] = {
      1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
      1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,     1.0 / 120.0,
      1.0 / 24.0,        1.0 / 6.0,        1.0 / 2.0,       1.0};
  Doubles y = Fill(1.0 / 6227020800.0);
#pragma GCC unroll 12
  for (const double coefficient : kInverseFactorials) y = y * r + Fill(coefficient);
  y = y * r + Fill(1.0);
  const auto power = reinterpret_cast<Doubles>(reinterpret_cast<Longs>(shifted) << 52);
  return is_zero ? Fill(0.0) : power * y;
}

// ln x of positive normal x, by the method and constants of fdlibm's e_log.c (Sun
// Microsystems): x = 2^k (1 + f), s = f / (2 + f); below one unit in the last place.
inline Doubles LogDouble(Doubles x) {
  using Bits = std::uint64_t __attribute__((vector_size(kVectorBytes)));
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdU;
  constexpr std::uint64_t kBias = 1024;  // keeps the difference positive
  const auto bits = reinterpret_cast<Bits>(x);
  const Bits biased = (bits - kSqrtHalf + (kBias << 52U)) >> 52U;
  const auto fraction = reinterpret_cast<Doubles>(bits - ((biased - kBias) << 52U));
  const Doubles k = reinterpret_cast<Doubles>(biased + 0x4338000000000000U) -
                    Fill(6755399441055744.0 + 1024.0);
  const Doubles f = fraction - Fill(1.0);
  const Doubles s = f / (Fill(2.0) + f);
  const Doubles z = s * s;
  constexpr double kCoefficients[] = {
      1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
      2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01};
  Doubles remainder = Fill(1.479819860511658591e-01);
#pragma GCC unroll 6
  for (const double coefficient : kCoefficients) {
    remainder = remainder * z + Fill(coefficient);
  }
  remainder *= z;
  const Doubles half_square = Fill(0.5) * f * f;
  return k * Fill(6.93147180369123816490e-01) -
         ((half_square -
           (s * (half_square + remainder) + k * Fill(1.90821492927058770002e-10))) -
          f);
}

float Span(const float* values, std::size_t size) {
  float high = values[0];
  float low = values[0];
  float not_finite = 0.0F;
  std::size_t i = 0;
  if (size >= kLanes) {
    Floats highs = Load(values);
    Floats negated_lows = -highs;
    Floats differences = {};
    for (; i + kLanes <= size; i += kLanes) {
      const Floats next = Load(values + i);
      highs = next > highs ? next : highs;
      negated_lows = -next > negated_lows ? -next : negated_lows;
      differences += next - next;
    }
    high = Max(highs);
    low = -Max(negated_lows);
    not_finite = Sum(differences);
  }
  for (; i < size; ++i) {
    high = values[i] > high ? values[i] : high;
    low = values[i] < low ? values[i] : low;
    not_finite += values[i] - values[i];
  }
  return high - low + not_finite;
}

float Maximum(const float* values, std::size_t size) {
  float maximum = values[0];
  std::size_t i = 0;
  if (size >= kLanes) {
    Floats maxima = Load(values);
    for (i = kLanes; i + kLanes <= size; i += kLanes) {
      const Floats next = Load(values + i);
      maxima = next > maxima ? next : maxima;
    }
    maximum = Max(maxima);
  }
  for (; i < size; ++i) maximum = values[i] > maximum ? values[i] : maximum;
  return maximum;
}

Normalizer Softmax(const float* logits, std::size_t dim, double* probabilities) {
  const float peak = Maximum(logits, dim);
  const Doubles wide_peak = Fill(static_cast<double>(peak));
  Doubles totals = {};
  std::size_t i = 0;
  for (; i + kDoubleLanes <= dim; i += kDoubleLanes) {
    const Doubles y = ExpDouble(LoadWide(logits + i) - wide_peak);
    Store(y, probabilities + i);
    totals += y;
  }
  double total = Sum(totals);
  if (i < dim) {
    Tail tail(logits + i, nullptr, dim - i, peak);
    Store(ExpDouble(LoadWide(tail.values) - wide_peak), tail.weights);
    for (std::size_t j = 0; i + j < dim; ++j) {
      probabilities[i + j] = tail.weights[j];
      total += tail.weights[j];
    }
  }
  const double inverse = 1.0 / total;
  i = 0;
  for (; i + kDoubleLanes <= dim; i += kDoubleLanes) {
    Store(LoadDoubles(probabilities + i) * Fill(inverse), probabilities + i);
  }
  for (; i < dim; ++i) probabilities[i] *= inverse;
  return {static_cast<double>(peak), total};
}

void Log(const float* values, std::size_t dim, double* logarithms) {
  std::size_t i = 0;
  for (; i + kDoubleLanes <= dim; i += kDoubleLanes) {
    Store(LogDouble(LoadWide(values + i)), logarithms + i);
  }
  if (i == dim) return;
  Tail tail(values + i, nullptr, dim - i, 1.0F);
  Store(LogDouble(LoadWide(tail.values)), tail.weights);
  for (std::size_t j = 0; i + j < dim; ++j) logarithms[i + j] = tail.weights[j];
}

double Pair(const float* a, const double* a_weights, const float* b,
            const double* b_weights, std::size_t dim) {
  Doubles sums = {};
  Doubles other_sums = {};
  std::size_t i = 0;
  const auto term = [](const float* x, const double* x_weights, const float* y,
                       const double* y_weights) {
    return (LoadDoubles(x_weights) - LoadDoubles(y_weights)) *
           (LoadWide(x) - LoadWide(y));
  };
  for (; i + 2 * kDoubleLanes <= dim; i += 2 * kDoubleLanes) {
    const std::size_t j = i + kDoubleLanes;
    sums += term(a + i, a_weights + i, b + i, b_weights + i);
    other_sums += term(a + j, a_weights + j, b + j, b_weights + j);
  }
  for (; i < dim; i += kDoubleLanes) {
    const std::size_t num = dim - i < kDoubleLanes ? dim - i : kDoubleLanes;
    const Tail x(a + i, a_weights + i, num, 0.0F);
    const Tail y(b + i, b_weights + i, num, 0.0F);
    sums += term(x.values, x.weights, y.values, y.weights);
  }
  const double sum = Sum(sums + other_sums);
  return sum < 0.0 ? 0.0 : sum;  // as the portable kernel
}

void RoundRow(const float* logits, double shift, const double* probabilities,
              double scale, std::size_t dim, float* logs, float* weights) {
  std::size_t i = 0;
  for (; i + kDoubleLanes <= dim; i += kDoubleLanes) {
    StoreNarrow(LoadWide(logits + i) - Fill(shift), logs + i);
    StoreNarrow(LoadDoubles(probabilities + i) * Fill(scale), weights + i);
  }
  for (; i < dim; ++i) {
    logs[i] = static_cast<float>(static_cast<double>(logits[i]) - shift);
    weights[i] = static_cast<float>(probabilities[i] * scale);
  }
}

#include "kernel_tile.h"

constexpr Kernel kKernel = {
    kName,
    Span,
    Softmax,
    Log,
    Pair,
    RoundRow,
    Measure,
    ScanFloat32,
    ScanCompact<std::uint16_t>,
    ScanCompact<std::int8_t>,
    kTileRows,
    kTileVectors * kLanes,
    TileProduct,
    Pack,
    FinishRows,
};

// NOLINTEND(misc-definitions-in-headers)
