// Vectors of an instruction set, in the vector types of GCC and Clang.
//
// The templates of vectors.h, exponential.h, softmax.h, pair.h, scan.h, tile.h and
// vector_kernel.h are the same for all instruction sets. Their parameter `Isa` is a
// struct in the anonymous namespace of the file of an instruction set. It derives from
// VectorTypes and has
//   kName, kTileRows, kTileVectors, kPrefetchBytes,
//   Sum(Floats), Sum(Doubles), Max(Floats), AnyTrue(Ints),
//   Load(const float* | const uint16_t* half | const int8_t*) -> Floats.
//
// These headers define no function without this parameter, and call nothing in the
// standard library. All code has then internal linkage. Otherwise the linker could keep
// a function compiled for AVX for the whole program.
// Multiplications and additions are fused (-ffp-contract=fast).

#ifndef SPEAKERSDK_KERNELS_VECTORS_H_
#define SPEAKERSDK_KERNELS_VECTORS_H_

#include <cstddef>
#include <cstdint>

namespace speakersdk {

template <std::size_t kBytes>
struct VectorTypes {
  using Floats [[gnu::vector_size(kBytes)]] = float;
  using HalfFloats [[gnu::vector_size(kBytes / 2)]] = float;
  using Doubles [[gnu::vector_size(kBytes)]] = double;
  using Ints [[gnu::vector_size(kBytes)]] = std::int32_t;
  using Longs [[gnu::vector_size(kBytes)]] = std::int64_t;
  using UnsignedLongs [[gnu::vector_size(kBytes)]] = std::uint64_t;

  // In arrays, whose values are not aligned to vectors.
  using StoredFloats [[gnu::vector_size(kBytes), gnu::aligned(4)]] = float;
  using StoredHalfFloats [[gnu::vector_size(kBytes / 2), gnu::aligned(4)]] = float;
  using StoredDoubles [[gnu::vector_size(kBytes), gnu::aligned(8)]] = double;

  static constexpr std::size_t kVectorBytes = kBytes;
  static constexpr std::size_t kLanes = kBytes / sizeof(float);
  static constexpr std::size_t kDoubleLanes = kBytes / sizeof(double);
};

template <typename Isa>
using Floats = typename Isa::Floats;
template <typename Isa>
using Doubles = typename Isa::Doubles;
template <typename Isa>
using Ints = typename Isa::Ints;
template <typename Isa>
using Longs = typename Isa::Longs;

template <typename Isa>
inline Doubles<Isa> LoadWide(const float* values) {
  using Stored = typename Isa::StoredHalfFloats;
  return __builtin_convertvector(*reinterpret_cast<const Stored*>(values),
                                 Doubles<Isa>);
}

template <typename Isa>
inline Doubles<Isa> LoadDoubles(const double* values) {
  return *reinterpret_cast<const typename Isa::StoredDoubles*>(values);
}

template <typename Isa>
inline void Store(Floats<Isa> values, float* to) {
  *reinterpret_cast<typename Isa::StoredFloats*>(to) = values;
}

template <typename Isa>
inline void Store(Doubles<Isa> values, double* to) {
  *reinterpret_cast<typename Isa::StoredDoubles*>(to) = values;
}

template <typename Isa>
inline void StoreNarrow(Doubles<Isa> values, float* to) {
  *reinterpret_cast<typename Isa::StoredHalfFloats*>(to) =
      __builtin_convertvector(values, typename Isa::HalfFloats);
}

// The last values of a row, which do not fill a vector, padded.
template <typename Isa>
struct Tail {
  alignas(Isa::kVectorBytes) float values[Isa::kDoubleLanes];
  alignas(Isa::kVectorBytes) double weights[Isa::kDoubleLanes];

  Tail(const float* from, const double* from_weights, std::size_t num, float padding) {
    for (std::size_t i = 0; i < Isa::kDoubleLanes; ++i) {
      values[i] = i < num ? from[i] : padding;
      weights[i] = i < num && from_weights != nullptr ? from_weights[i] : 0.0;
    }
  }
};

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_VECTORS_H_
