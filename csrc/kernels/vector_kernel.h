// The kernel of an instruction set.

#ifndef SPEAKERSDK_KERNELS_VECTOR_KERNEL_H_
#define SPEAKERSDK_KERNELS_VECTOR_KERNEL_H_

#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/pair.h"
#include "kernels/scan.h"
#include "kernels/softmax.h"
#include "kernels/tile.h"

namespace speakersdk {

template <typename Isa>
constexpr Kernel kVectorKernel = {
    Isa::kName,
    Span<Isa>,
    Softmax<Isa>,
    Log<Isa>,
    Pair<Isa>,
    RoundRow<Isa>,
    Measure<Isa>,
    ScanFloat32<Isa>,
    ScanCompact<Isa, std::uint16_t>,
    ScanCompact<Isa, std::int8_t>,
    Isa::kTileRows,
    Isa::kTileVectors * Isa::kLanes,
    TileProduct<Isa>,
    Pack<Isa>,
    FinishRows<Isa>,
};

}  // namespace speakersdk

#endif  // SPEAKERSDK_KERNELS_VECTOR_KERNEL_H_
