// Checks of the arguments that come from Python; the kernels check nothing.

#ifndef SPEAKERSDK_ARGUMENTS_H_
#define SPEAKERSDK_ARGUMENTS_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>

#include "symmetric_kl.h"

namespace speakersdk {

namespace py = pybind11;

using FloatArray = py::array_t<float, py::array::c_style>;

// A checked argument: `num` rows of `dim` values.
struct Rows {
  const char* name;
  const float* values;
  std::size_t num;
  std::size_t dim;
  py::ssize_t rank;

  [[nodiscard]] std::size_t Size() const { return num * dim; }
};

inline std::string Shape(const py::array& array) {
  return py::str(array.attr("shape"));
}

inline Rows CheckedRows(const char* name, const FloatArray& array, py::ssize_t rank) {
  const std::string prefix = std::string(name) + ": expected ";
  if (array.ndim() != rank) {
    throw std::invalid_argument(
        prefix + (rank == 1 ? "one vector (dim,)" : "a matrix (num, dim)") +
        ", got shape " + Shape(array));
  }
  if (array.size() == 0) {
    throw std::invalid_argument(prefix + "at least one value, got shape " +
                                Shape(array));
  }
  const float* values = array.data();
  if (reinterpret_cast<std::uintptr_t>(values) % alignof(float) != 0) {
    throw std::invalid_argument(prefix + "an aligned array, got a view into bytes");
  }
  const auto num = static_cast<std::size_t>(rank == 1 ? 1 : array.shape(0));
  const auto dim = static_cast<std::size_t>(array.shape(rank - 1));
  return {name, values, num, dim, rank};
}

inline void CheckSameDim(const Rows& a, const Rows& b) {
  if (a.dim == b.dim) return;
  throw std::invalid_argument(std::string(b.name) + ": expected dim " +
                              std::to_string(a.dim) + " as " + a.name + " has, got " +
                              std::to_string(b.dim));
}

[[noreturn]] inline void ThrowInvalid(Domain domain, const Rows& rows,
                                      std::size_t index) {
  std::ostringstream message;
  message << rows.name << ": expected finite float32 values"
          << (domain == Domain::kPositive ? " above zero" : "") << ", got "
          << rows.values[index] << " at [";
  if (rows.rank == 2) message << index / rows.dim << ", ";
  message << index % rows.dim << "]";
  throw std::invalid_argument(message.str());
}

}  // namespace speakersdk

#endif  // SPEAKERSDK_ARGUMENTS_H_
