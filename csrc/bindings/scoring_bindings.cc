#include "bindings/scoring_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "bindings/arguments.h"
#include "matrix_form.h"
#include "symmetric_kl.h"

namespace speakersdk {
namespace {

// This many values take a few microseconds; releasing the GIL would add a tenth.
constexpr std::size_t kMaxSizeWithGil = 2048;

void Compute(Domain domain, const Rows& a, const Rows& b, double* out) {
  CheckSameDim(a, b);
  std::size_t a_invalid = a.Size();
  std::size_t b_invalid = b.Size();
  // The scratch memory is written before it is read; that of a pair is on the stack.
  std::array<double, kMaxSizeWithGil> small;
  const std::size_t size = ScratchSize(a.num, b.num, a.dim);
  const std::unique_ptr<double[]> large(size <= small.size() ? nullptr
                                                             : new double[size]);
  double* const scratch = large ? large.get() : small.data();
  const auto compute = [&] {
    a_invalid = FindInvalid(domain, a.values, a.Size());
    b_invalid = FindInvalid(domain, b.values, b.Size());
    if (a_invalid == a.Size() && b_invalid == b.Size()) {
      SymmetricKlMatrix(domain, a.values, a.num, b.values, b.num, a.dim, scratch, out);
    }
  };
  if (a.Size() + b.Size() <= kMaxSizeWithGil) {
    compute();
  } else {
    const py::gil_scoped_release release;
    compute();
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

// (J of all pairs, number of pairs in the difference form)
std::pair<py::array_t<float>, std::size_t> Pairs(const FloatArray& a,
                                                 const FloatArray& b,
                                                 py::ssize_t num_threads) {
  const Rows a_rows = CheckedRows("a", a, 2);
  const Rows b_rows = CheckedRows("b", b, 2);
  CheckSameDim(a_rows, b_rows);
  const std::size_t threads = CheckedThreads(num_threads);
  py::array_t<float> out({a_rows.num, b_rows.num});
  float* const data = out.mutable_data();
  std::size_t num_differences = 0;
  {
    const py::gil_scoped_release release;
    CheckLogits(a_rows);
    CheckLogits(b_rows);
    num_differences = AllPairs(a_rows.values, a_rows.num, b_rows.values, b_rows.num,
                               a_rows.dim, threads, data);
  }
  return {out, num_differences};
}

}  // namespace

void DefineScoring(py::module_& module) {
  Define<Domain::kLogits>(module, "symmetric_kl");
  Define<Domain::kPositive>(module, "symmetric_kl_positive");
  module.def(
      "symmetric_kl_pairs", &Pairs, py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("num_threads"), py::pos_only(),
      "float32 divergences of all pairs, and how many took the difference form.");
}

}  // namespace speakersdk
