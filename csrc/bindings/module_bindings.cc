// The Python module speakersdk._native. This folder checks all arguments, and the
// kernels check nothing. Users call speakersdk.scoring and speakersdk.gallery.gallery,
// which convert their inputs first.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdlib>  // defines __GLIBC__ where the C library is glibc
#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "bindings/cohort_bindings.h"
#include "bindings/gallery_bindings.h"
#include "bindings/scoring_bindings.h"
#include "kernels/kernel.h"

namespace {

// Returns freed memory to the system, where the C library keeps it otherwise; whether
// any was.
bool ReleaseFreeMemory() {
#ifdef __GLIBC__
  return malloc_trim(0) != 0;
#else
  return false;
#endif
}

}  // namespace

PYBIND11_MODULE(_native, module, pybind11::mod_gil_not_used()) {
  // Chooses the kernel. An unknown SPEAKERSDK_KERNEL is an ImportError.
  const std::string kernel = speakersdk::ActiveKernel().name;
  module.doc() = "Compiled kernels of speakersdk; use speakersdk.scoring and .gallery.";
  module.def("kernel", [kernel] { return kernel; }, "Name of the kernel in use.");
  module.def("available_kernels", &speakersdk::AvailableKernels,
             "Names of the kernels that run on this processor, the fastest first.");
  module.def("release_free_memory", &ReleaseFreeMemory,
             "Return freed memory to the system; whether there was any.");
  module.attr("__version__") = SPEAKERSDK_VERSION;
  speakersdk::DefineScoring(module);
  speakersdk::DefineGallery(module);
  speakersdk::DefineCohort(module);
}
