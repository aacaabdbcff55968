// x86-64 with AVX-512 F, BW, DQ and VL.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/vector_kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {
namespace {

struct Avx512 : VectorTypes<64> {
  static constexpr const char* kName = "avx512";
  // A tile needs 28 sums, 2 columns and 1 broadcast in 32 registers.
  static constexpr std::size_t kTileRows = 14;
  static constexpr std::size_t kTileVectors = 2;
  static constexpr std::size_t kPrefetchBytes = 8192;

  static bool AnyTrue(Ints lanes) {  // lanes are 0 or -1
    const __m512i all = reinterpret_cast<__m512i>(lanes);
    return _mm512_test_epi32_mask(all, all) != 0;
  }
  static float Sum(Floats values) { return _mm512_reduce_add_ps(values); }
  static double Sum(Doubles values) { return _mm512_reduce_add_pd(values); }
  static float Max(Floats values) { return _mm512_reduce_max_ps(values); }
  static Floats Load(const float* values) { return _mm512_loadu_ps(values); }
  static Floats Load(const std::uint16_t* halves) {
    return _mm512_cvtph_ps(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
  }
  static Floats Load(const std::int8_t* values) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
  }
};

}  // namespace

const Kernel* Avx512Kernel() noexcept {
  const bool runs = __builtin_cpu_supports("avx512f") != 0 &&
                    __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512dq") != 0 &&
                    __builtin_cpu_supports("avx512vl") != 0;
  return runs ? &kVectorKernel<Avx512> : nullptr;
}

}  // namespace speakersdk
