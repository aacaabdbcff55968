// The scan of a gallery: J of one probe and many rows.

#ifndef SPEAKERSDK_KERNELS_SCAN_H_
#define SPEAKERSDK_KERNELS_SCAN_H_

#include <cstddef>

#include "kernels/exponential.h"
#include "kernels/kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {

// Terms of J: probe's D p and ln(D p), row's ln(D q).
template <typename Isa>
struct ExactTerm {
  static Floats<Isa> Of(Floats<Isa> weight, Floats<Isa> log, Floats<Isa> value) {
    const Floats<Isa> x = value - log;
    return (weight * x) * (Exp<Isa>(x) - 1.0F);
  }
};
template <typename Isa>
struct WideTerm {
  static Floats<Isa> Of(Floats<Isa> weight, Floats<Isa> log, Floats<Isa> value) {
    return (weight - Exp<Isa>(value)) * (log - value);
  }
};
template <typename Isa>
struct NarrowTerm {
  static Floats<Isa> Of(Floats<Isa> weight, Floats<Isa> log, Floats<Isa> value) {
    return (weight - ExpNarrow<Isa>(value)) * (log - value);
  }
};

// `kRows` rows at a time share the loads of the probe. The data of later rows is
// prefetched between the operations, because a burst of prefetches would fill the
// buffers that the loads need too.
template <typename Isa, typename Term, std::size_t kRows, typename Value>
inline void ScanSome(const ScanProbe& probe, const Value* values, const float* scales,
                     float* out) {
  const std::size_t stride = probe.stride;
  const auto* ahead = reinterpret_cast<const char*>(values) + Isa::kPrefetchBytes;
  Floats<Isa> sums[kRows] = {};
  for (std::size_t i = 0; i < stride; i += Isa::kLanes) {
    const Floats<Isa> weight = Isa::Load(probe.weights + i);
    const Floats<Isa> log = Isa::Load(probe.logs + i);
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kRows; ++row) {
      const char* const later = ahead + (row * stride + i) * sizeof(Value);
      __builtin_prefetch(later);
      __builtin_prefetch(later + Isa::kPrefetchBytes, 0, 2);  // into the second level
      Floats<Isa> value = Isa::Load(values + row * stride + i);
      if constexpr (sizeof(Value) == 1) value *= scales[row];
      sums[row] += Term::Of(weight, log, value);
    }
  }
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRows; ++row) {
    out[row] = Isa::Sum(sums[row]) * probe.scale;
  }
}

template <typename Isa, typename Term, typename Value>
void ScanAll(const ScanProbe& probe, const ScanRows& rows, float* out) {
  constexpr std::size_t kRowsTogether = 4;
  const auto* values = static_cast<const Value*>(rows.values);
  const float* scales = rows.scales;
  const std::size_t scale_step = sizeof(Value) == 1 ? 1 : 0;
  std::size_t row = 0;
  for (; row + kRowsTogether <= rows.num; row += kRowsTogether) {
    ScanSome<Isa, Term, kRowsTogether>(probe, values + row * probe.stride,
                                       scales + row * scale_step, out + row);
  }
  for (; row < rows.num; ++row) {
    ScanSome<Isa, Term, 1>(probe, values + row * probe.stride,
                           scales + row * scale_step, out + row);
  }
}

template <typename Isa>
void ScanFloat32(const ScanProbe& probe, const ScanRows& rows, float* out) {
  ScanAll<Isa, ExactTerm<Isa>, float>(probe, rows, out);
}

template <typename Isa, typename Value>
void ScanCompact(const ScanProbe& probe, const ScanRows& rows, float* out) {
  if (rows.is_narrow) {
    ScanAll<Isa, NarrowTerm<Isa>, Value>(probe, rows, out);
  } else {
    ScanAll<Isa, WideTerm<Isa>, Value>(probe, rows, out);
  }
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_SCAN_H_
