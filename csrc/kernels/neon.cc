// AArch64: its baseline includes NEON and half-precision conversion.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/vector_kernel.h"
#include "kernels/vectors.h"

namespace speakersdk {
namespace {

struct Neon : VectorTypes<16> {
  static constexpr const char* kName = "neon";
  // A tile needs 24 sums, 3 columns and 2 of a row in 32 registers.
  static constexpr std::size_t kTileRows = 8;
  static constexpr std::size_t kTileVectors = 3;
  static constexpr std::size_t kPrefetchBytes = 1024;

  static bool AnyTrue(Ints lanes) {  // lanes are 0 or -1
    return vmaxvq_u32(reinterpret_cast<uint32x4_t>(lanes)) != 0;
  }
  static float Sum(Floats values) {
    return vaddvq_f32(reinterpret_cast<float32x4_t>(values));
  }
  static double Sum(Doubles values) {
    return vaddvq_f64(reinterpret_cast<float64x2_t>(values));
  }
  static float Max(Floats values) {
    return vmaxvq_f32(reinterpret_cast<float32x4_t>(values));
  }
  static Floats Load(const float* values) {
    return reinterpret_cast<Floats>(vld1q_f32(values));
  }
  static Floats Load(const std::uint16_t* halves) {
    return reinterpret_cast<Floats>(
        vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves))));
  }
  static Floats Load(const std::int8_t* values) {
    std::int32_t word = 0;
    __builtin_memcpy(&word, values, sizeof word);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(word)));
    return reinterpret_cast<Floats>(vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))));
  }
};

}  // namespace

const Kernel* NeonKernel() noexcept { return &kVectorKernel<Neon>; }

}  // namespace speakersdk
