// Checks of arguments from Python. The kernels do not check theirs.

#ifndef SPEAKERSDK_BINDINGS_ARGUMENTS_H_
#define SPEAKERSDK_BINDINGS_ARGUMENTS_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>

#include "rows.h"
#include "symmetric_kl.h"

namespace speakersdk {

namespace py = pybind11;

// A C-contiguous float32 array of the caller, never a converted copy. Its caster checks
// four fields; the caster of py::array_t makes a reference through NumPy, which takes
// as long as the divergence of a pair.
class FloatArray {
 public:
  FloatArray() = default;
  explicit FloatArray(const py::array& array)
      : handle_(array),
        values_(static_cast<const float*>(array.data())),
        shape_(array.shape()),
        rank_(array.ndim()) {}

  [[nodiscard]] const float* data() const { return values_; }
  [[nodiscard]] py::ssize_t ndim() const { return rank_; }
  [[nodiscard]] py::ssize_t shape(py::ssize_t axis) const { return shape_[axis]; }
  [[nodiscard]] py::ssize_t size() const {
    return std::accumulate(shape_, shape_ + rank_, py::ssize_t{1}, std::multiplies<>());
  }
  [[nodiscard]] bool is_aligned() const {
    return reinterpret_cast<std::uintptr_t>(values_) % alignof(float) == 0;
  }
  [[nodiscard]] py::handle handle() const { return handle_; }

 private:
  py::handle handle_;
  const float* values_ = nullptr;
  const py::ssize_t* shape_ = nullptr;
  py::ssize_t rank_ = 0;
};

// A checked argument: `num` rows of `dim` values.
struct Rows {
  const char* name;
  const float* values;
  std::size_t num;
  std::size_t dim;
  py::ssize_t rank;

  [[nodiscard]] std::size_t Size() const { return num * dim; }
};

inline std::string Shape(py::handle array) { return py::str(array.attr("shape")); }

inline std::string Shape(const FloatArray& array) { return Shape(array.handle()); }

inline Rows CheckedRows(const char* name, const FloatArray& array, py::ssize_t rank) {
  const auto expected = [name] { return std::string(name) + ": expected "; };
  if (array.ndim() != rank) {
    throw std::invalid_argument(
        expected() + (rank == 1 ? "one vector (dim,)" : "a matrix (num, dim)") +
        ", got shape " + Shape(array));
  }
  if (array.size() == 0) {
    throw std::invalid_argument(expected() + "at least one value, got shape " +
                                Shape(array));
  }
  if (!array.is_aligned()) {
    throw std::invalid_argument(expected() + "an aligned array, got a view into bytes");
  }
  const auto num = static_cast<std::size_t>(rank == 1 ? 1 : array.shape(0));
  const auto dim = static_cast<std::size_t>(array.shape(rank - 1));
  return {name, array.data(), num, dim, rank};
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

// More than the cores of any machine.
constexpr py::ssize_t kMaxThreads = 1024;

inline std::size_t CheckedThreads(py::ssize_t num_threads) {
  if (num_threads >= 1 && num_threads <= kMaxThreads) {
    return static_cast<std::size_t>(num_threads);
  }
  throw std::invalid_argument("num_threads: expected 1 to " +
                              std::to_string(kMaxThreads) + ", got " +
                              std::to_string(num_threads));
}

// Checks that the float32 kernels accept the rows. Called without the GIL.
inline void CheckLogits(const Rows& rows) {
  const std::size_t row = FindWide(rows.values, rows.num, rows.dim);
  if (row == rows.num) return;
  const std::size_t first = row * rows.dim;
  const std::size_t invalid =
      FindInvalid(Domain::kLogits, rows.values + first, rows.dim);
  if (invalid != rows.dim) ThrowInvalid(Domain::kLogits, rows, first + invalid);
  std::ostringstream message;
  message << rows.name << ": expected logits that span at most " << kMaximumSpan
          << ", got more in row " << row
          << "; scale them, or use the float64 functions";
  throw std::invalid_argument(message.str());
}

}  // namespace speakersdk

template <>
struct pybind11::detail::type_caster<speakersdk::FloatArray> {
  PYBIND11_TYPE_CASTER(speakersdk::FloatArray,
                       const_name("numpy.typing.NDArray[numpy.float32]"));

  bool load(handle source, bool /*convert*/) {
    if (!isinstance<array>(source)) return false;
    const auto given = reinterpret_borrow<array>(source);
    const dtype type = given.dtype();
    if (type.num() != npy_api::NPY_FLOAT_ || type.byteorder() != '=' ||
        (given.flags() & array::c_style) == 0) {
      return false;
    }
    value = speakersdk::FloatArray(given);
    return true;
  }
};

#endif  // SPEAKERSDK_BINDINGS_ARGUMENTS_H_
