#ifndef SPEAKERSDK_BINDINGS_SCORING_BINDINGS_H_
#define SPEAKERSDK_BINDINGS_SCORING_BINDINGS_H_

#include <pybind11/pybind11.h>

namespace speakersdk {

// Defines the native functions of speakersdk.scoring.
void DefineScoring(pybind11::module_& module);

}  // namespace speakersdk

#endif  // SPEAKERSDK_BINDINGS_SCORING_BINDINGS_H_
