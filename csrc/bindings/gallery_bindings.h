#ifndef SPEAKERSDK_BINDINGS_GALLERY_BINDINGS_H_
#define SPEAKERSDK_BINDINGS_GALLERY_BINDINGS_H_

#include <pybind11/pybind11.h>

namespace speakersdk {

// Defines the native functions of speakersdk.gallery.
void DefineGallery(pybind11::module_& module);

}  // namespace speakersdk

#endif  // SPEAKERSDK_BINDINGS_GALLERY_BINDINGS_H_
