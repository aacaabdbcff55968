#ifndef SPEAKERSDK_GALLERY_BINDINGS_H_
#define SPEAKERSDK_GALLERY_BINDINGS_H_

#include <pybind11/pybind11.h>

namespace speakersdk {

// The functions behind speakersdk.gallery.gallery and the float32 matrix of speakersdk.scoring.
void DefineGallery(pybind11::module_& module);

}  // namespace speakersdk

#endif  // SPEAKERSDK_GALLERY_BINDINGS_H_
