// x86-64 with AVX2, FMA and F16C (Intel Haswell 2013, AMD Excavator 2015).

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/vector_kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {
namespace {

struct Avx2 : VectorTypes<32> {
  static constexpr const char* kName = "avx2";
  // A tile needs 12 sums, 2 columns and 1 broadcast in 16 registers.
  static constexpr std::size_t kTileRows = 6;
  static constexpr std::size_t kTileVectors = 2;
  static constexpr std::size_t kPrefetchBytes = 8192;

  static bool AnyTrue(Ints lanes) {  // lanes are 0 or -1
    return _mm256_movemask_ps(reinterpret_cast<__m256>(lanes)) != 0;
  }
  static float Sum(Floats values) {
    const __m256 all = values;
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static double Sum(Doubles values) {
    const __m256d all = values;
    const __m128d two =
        _mm_add_pd(_mm256_castpd256_pd128(all), _mm256_extractf128_pd(all, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
  static float Max(Floats values) {
    const __m256 all = values;
    const __m128 four =
        _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  static Floats Load(const float* values) { return _mm256_loadu_ps(values); }
  static Floats Load(const std::uint16_t* halves) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
  }
  static Floats Load(const std::int8_t* values) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  }
};

}  // namespace

const Kernel* Avx2Kernel() noexcept {
  const bool runs = __builtin_cpu_supports("avx2") != 0 &&
                    __builtin_cpu_supports("fma") != 0 &&
                    __builtin_cpu_supports("f16c") != 0;
  return runs ? &kVectorKernel<Avx2> : nullptr;
}

}  // namespace speakersdk
