#ifndef SPEAKERSDK_BINDINGS_COHORT_BINDINGS_H_
#define SPEAKERSDK_BINDINGS_COHORT_BINDINGS_H_

#include <pybind11/pybind11.h>

namespace speakersdk {

// Defines the native class of speakersdk.calibration.cohort.
void DefineCohort(pybind11::module_& module);

}  // namespace speakersdk

#endif  // SPEAKERSDK_BINDINGS_COHORT_BINDINGS_H_
