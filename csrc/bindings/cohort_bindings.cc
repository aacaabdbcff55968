#include "bindings/cohort_bindings.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>

#include "bindings/arguments.h"
#include "cohort.h"

namespace speakersdk {
namespace {

// Called without the GIL.
void CheckFinite(const Rows& rows) {
  const std::size_t invalid = FindInvalid(Domain::kLogits, rows.values, rows.Size());
  if (invalid != rows.Size()) ThrowInvalid(Domain::kLogits, rows, invalid);
}

std::unique_ptr<Cohort> Make(const FloatArray& members, std::size_t conditions,
                             std::size_t nearest, std::optional<std::size_t> telephone,
                             double typical) {
  const Rows rows = CheckedRows("members", members, 2);
  if (conditions == 0 || nearest == 0 || rows.num % conditions != 0 ||
      nearest > rows.num / conditions) {
    throw std::invalid_argument(
        "members: expected as many in each of " + std::to_string(conditions) +
        " conditions, and at least the nearest " + std::to_string(nearest) + ", got " +
        std::to_string(rows.num) + " in all");
  }
  if (telephone.value_or(0) >= conditions) {
    throw std::invalid_argument(
        "telephone: expected the number of a condition, below " +
        std::to_string(conditions) + ", got " + std::to_string(*telephone));
  }
  const py::gil_scoped_release release;
  CheckFinite(rows);
  const CohortForm form{conditions, nearest, telephone, typical};
  return std::make_unique<Cohort>(rows.values, rows.num, rows.dim, form);
}

py::array_t<double> Nearness(const Cohort& cohort, const FloatArray& embeddings) {
  const Rows rows = CheckedRows("embeddings", embeddings, 2);
  if (rows.dim != cohort.Dim()) {
    throw std::invalid_argument("embeddings: expected dim " +
                                std::to_string(cohort.Dim()) +
                                " as the cohort has, got " + std::to_string(rows.dim));
  }
  py::array_t<double> out({rows.num, cohort.Width()});
  double* const data = out.mutable_data();
  {
    const py::gil_scoped_release release;
    CheckFinite(rows);
    for (std::size_t row = 0; row < rows.num; ++row) {
      cohort.Nearness(rows.values + row * rows.dim, data + row * cohort.Width());
    }
  }
  return out;
}

}  // namespace

void DefineCohort(py::module_& module) {
  py::class_<Cohort>(module, "Cohort", py::is_final(),
                     // The stub cannot name that of pybind11.
                     py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)),
                     "Members of a cohort, prepared to be compared.")
      .def(py::init(&Make), py::arg("members").noconvert(), py::arg("conditions"),
           py::arg("nearest"), py::arg("telephone"), py::arg("typical"), py::pos_only())
      .def("nearness", &Nearness, py::arg("embeddings").noconvert(), py::pos_only(),
           "(B, 2 + conditions) nearness of (B, dim) embeddings.");
}

}  // namespace speakersdk
