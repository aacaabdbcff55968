#include <array>
#include <cstdlib>
#include <stdexcept>

#include "kernels/kernel.h"

namespace speakersdk {
namespace {

// Ordered from the fastest to the slowest.
std::vector<const Kernel*> Kernels() {
  std::vector<const Kernel*> kernels;
  for (const Kernel* kernel : {
#if defined(SPEAKERSDK_HAS_X86_KERNELS)
           Avx512Kernel(),
           Avx2Kernel(),
#endif
#if defined(SPEAKERSDK_HAS_NEON_KERNEL)
           NeonKernel(),
#endif
           PortableKernel(),
       }) {
    if (kernel != nullptr) kernels.push_back(kernel);
  }
  return kernels;
}

}  // namespace

std::vector<std::string> AvailableKernels() {
  std::vector<std::string> names;
  for (const Kernel* kernel : Kernels()) names.emplace_back(kernel->name);
  return names;
}

const Kernel& ChooseKernel(const char* name) {
  const std::vector<const Kernel*> kernels = Kernels();
  const std::string wanted = name == nullptr ? "" : name;
  std::string names;
  for (const Kernel* kernel : kernels) {
    if (wanted.empty() || wanted == kernel->name) return *kernel;
    names += names.empty() ? "" : ", ";
    names += kernel->name;
  }
  throw std::invalid_argument("SPEAKERSDK_KERNEL: expected one of " + names +
                              " (supported by this build and processor), got '" +
                              wanted + "'; unset it to use the fastest");
}

const Kernel& ActiveKernel() {
  static const Kernel& kernel = ChooseKernel(std::getenv("SPEAKERSDK_KERNEL"));
  return kernel;
}

}  // namespace speakersdk
