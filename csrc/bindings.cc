// The Python module speakersdk._native. Every check stands here; the kernels check
// nothing. Users call speakersdk.scoring, which converts its inputs first.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "symmetric_kl.h"

namespace py = pybind11;

namespace speakersdk {
namespace {

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

std::string Shape(const FloatArray& array) { return py::str(array.attr("shape")); }

Rows CheckedRows(const char* name, const FloatArray& array, py::ssize_t rank) {
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

void CheckSameDim(const Rows& a, const Rows& b) {
  if (a.dim == b.dim) return;
  throw std::invalid_argument(std::string(b.name) + ": expected dim " +
                              std::to_string(a.dim) + " as " + a.name + " has, got " +
                              std::to_string(b.dim));
}

[[noreturn]] void ThrowInvalid(Domain domain, const Rows& rows, std::size_t index) {
  std::ostringstream message;
  message << rows.name << ": expected finite float32 values"
          << (domain == Domain::kPositive ? " above zero" : "") << ", got "
          << rows.values[index] << " at [";
  if (rows.rank == 2) message << index / rows.dim << ", ";
  message << index % rows.dim << "]";
  throw std::invalid_argument(message.str());
}

void Compute(Domain domain, const Rows& a, const Rows& b, double* out) {
  CheckSameDim(a, b);
  std::size_t a_invalid = a.Size();
  std::size_t b_invalid = b.Size();
  std::vector<double> scratch(ScratchSize(a.num, b.num, a.dim));
  {
    const py::gil_scoped_release release;
    a_invalid = FindInvalid(domain, a.values, a.Size());
    b_invalid = FindInvalid(domain, b.values, b.Size());
    if (a_invalid == a.Size() && b_invalid == b.Size()) {
      SymmetricKlMatrix(domain, a.values, a.num, b.values, b.num, a.dim, scratch.data(),
                        out);
    }
  }
  if (a_invalid != a.Size()) ThrowInvalid(domain, a, a_invalid);
  if (b_invalid != b.Size()) ThrowInvalid(domain, b, b_invalid);
}

template <Domain kDomain>
double Pair(const FloatArray& a, const FloatArray& b) {
  const Rows a_rows = CheckedRows("a", a, 1);
  const Rows b_rows = CheckedRows("b", b, 1);
  double divergence = 0.0;
  Compute(kDomain, a_rows, b_rows, &divergence);
  return divergence;
}

template <Domain kDomain>
py::array_t<double> ToMany(const FloatArray& a, const FloatArray& b) {
  const Rows a_rows = CheckedRows("a", a, 1);
  const Rows b_rows = CheckedRows("b", b, 2);
  py::array_t<double> out(b.shape(0));
  Compute(kDomain, a_rows, b_rows, out.mutable_data());
  return out;
}

template <Domain kDomain>
py::array_t<double> Matrix(const FloatArray& a, const FloatArray& b) {
  const Rows a_rows = CheckedRows("a", a, 2);
  const Rows b_rows = CheckedRows("b", b, 2);
  py::array_t<double> out({a.shape(0), b.shape(0)});
  Compute(kDomain, a_rows, b_rows, out.mutable_data());
  return out;
}

template <Domain kDomain>
void Define(py::module_& module, const std::string& name) {
  const auto define = [&](const std::string& suffix, auto* function, const char* doc) {
    module.def((name + suffix).c_str(), function, py::arg("a").noconvert(),
               py::arg("b").noconvert(), py::pos_only(), doc);
  };
  define("", &Pair<kDomain>, "Divergence of two vectors.");
  define("_to_many", &ToMany<kDomain>, "Divergences of one vector and rows.");
  define("_matrix", &Matrix<kDomain>, "Divergences of all pairs of rows.");
}

}  // namespace
}  // namespace speakersdk

PYBIND11_MODULE(_native, module, py::mod_gil_not_used()) {
  module.doc() = "Compiled kernels of speakersdk; use speakersdk.scoring.";
  module.attr("__version__") = SPEAKERSDK_VERSION;
  speakersdk::Define<speakersdk::Domain::kLogits>(module, "symmetric_kl");
  speakersdk::Define<speakersdk::Domain::kPositive>(module, "symmetric_kl_positive");
}
