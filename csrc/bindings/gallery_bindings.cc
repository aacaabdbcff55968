#include "bindings/gallery_bindings.h"

#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/arguments.h"
#include "gallery.h"
#include "rows.h"

namespace speakersdk {
namespace {

py::array_t<float> LogProbabilities(const FloatArray& logits) {
  const Rows rows = CheckedRows("embeddings", logits, 2);
  const std::size_t stride = RowStride(rows.dim);
  py::array_t<float> logs({rows.num, stride});
  float* const to = logs.mutable_data();
  {
    const py::gil_scoped_release release;
    CheckLogits(rows);
    RowMaker maker(rows.dim);
    std::vector<float> weights(stride);
    for (std::size_t row = 0; row < rows.num; ++row) {
      maker.Make(rows.values + row * rows.dim, 1, to + row * stride, weights.data());
    }
  }
  return logs;
}

Storage CheckedStorage(const py::array& values) {
  const py::dtype dtype = values.dtype();
  const bool is_native = dtype.byteorder() == '=' || dtype.byteorder() == '|';
  if (is_native && dtype.kind() == 'f' && dtype.itemsize() == 4) {
    return Storage::kFloat32;
  }
  if (is_native && dtype.kind() == 'f' && dtype.itemsize() == 2) {
    return Storage::kFloat16;
  }
  if (dtype.kind() == 'i' && dtype.itemsize() == 1) return Storage::kInt8;
  throw std::invalid_argument("values: expected float32, float16 or int8, got " +
                              std::string(py::str(dtype)));
}

// The stored rows; only the first `dim` values of a row are used.
GalleryRows CheckedGallery(const py::array& values,
                           const std::optional<FloatArray>& scales,
                           const std::optional<FloatArray>& exact, std::size_t dim,
                           bool is_narrow) {
  const Storage storage = CheckedStorage(values);
  const std::size_t stride = RowStride(dim);
  if (values.ndim() != 2 || static_cast<std::size_t>(values.shape(1)) != stride ||
      (values.flags() & py::array::c_style) == 0) {
    throw std::invalid_argument("values: expected a contiguous matrix (num, " +
                                std::to_string(stride) + "), got shape " +
                                Shape(values));
  }
  if (reinterpret_cast<std::uintptr_t>(values.data()) %
          static_cast<std::size_t>(values.itemsize()) !=
      0) {
    throw std::invalid_argument("values: expected an aligned array");
  }
  if (scales.has_value() != (storage == Storage::kInt8)) {
    throw std::invalid_argument("scales: expected them for int8 values and only then");
  }
  if (scales && (scales->ndim() != 1 || scales->shape(0) != values.shape(0) ||
                 !scales->is_aligned())) {
    throw std::invalid_argument(
        "scales: expected one aligned value per row, got shape " + Shape(*scales));
  }
  if (exact && (exact->ndim() != 2 || exact->shape(0) != values.shape(0) ||
                exact->shape(1) != values.shape(1) || !exact->is_aligned())) {
    throw std::invalid_argument("exact: expected an aligned matrix like values, got " +
                                Shape(*exact));
  }
  const auto num = static_cast<std::size_t>(values.shape(0));
  return {storage,
          dim,
          {values.data(), scales ? scales->data() : nullptr, num, is_narrow},
          exact ? exact->data() : nullptr};
}

// A batch of probes, converted for the scans. Made without the GIL.
class Probes {
 public:
  explicit Probes(const Rows& rows)
      : num_(rows.num), logs_(rows.num * RowStride(rows.dim)), weights_(logs_.size()) {
    CheckLogits(rows);
    RowMaker(rows.dim).Make(rows.values, rows.num, logs_.data(), weights_.data());
  }

  [[nodiscard]] GalleryProbes View() const {
    return {logs_.data(), weights_.data(), num_};
  }

 private:
  std::size_t num_;
  std::vector<float> logs_;
  std::vector<float> weights_;
};

py::array_t<float> Scores(const FloatArray& probe, const py::array& values,
                          const std::optional<FloatArray>& scales, bool is_narrow,
                          py::ssize_t num_threads) {
  const Rows rows = CheckedRows("probe", probe, 1);
  const GalleryRows gallery =
      CheckedGallery(values, scales, std::nullopt, rows.dim, is_narrow);
  const std::size_t threads = CheckedThreads(num_threads);
  py::array_t<float> out(values.shape(0));
  float* const data = out.mutable_data();
  {
    const py::gil_scoped_release release;
    ScoreRows(Probes(rows).View(), gallery, threads, data);
  }
  return out;
}

// (rows, divergences), both (num_probes, min(k, num)): the k nearest among the
// num_candidates best stored rows; -1 and NaN if fewer were found.
std::pair<py::array_t<std::int64_t>, py::array_t<double>> Search(
    const FloatArray& probes, const py::array& values,
    const std::optional<FloatArray>& scales, const std::optional<FloatArray>& exact,
    bool is_narrow, py::ssize_t k, py::ssize_t num_candidates,
    py::ssize_t num_threads) {
  const Rows rows = CheckedRows("probes", probes, 2);
  const GalleryRows gallery =
      CheckedGallery(values, scales, exact, rows.dim, is_narrow);
  const std::size_t threads = CheckedThreads(num_threads);
  if (k < 0 || num_candidates < k) {
    throw std::invalid_argument("expected 0 <= k <= num_candidates, got " +
                                std::to_string(k) + " and " +
                                std::to_string(num_candidates));
  }
  const std::size_t width = std::min(static_cast<std::size_t>(k), gallery.rows.num);
  py::array_t<std::int64_t> found_rows({rows.num, width});
  py::array_t<double> divergences({rows.num, width});
  std::int64_t* to_row = found_rows.mutable_data();
  double* to_divergence = divergences.mutable_data();
  {
    const py::gil_scoped_release release;
    auto found = FindNearest(Probes(rows).View(), gallery,
                             static_cast<std::size_t>(num_candidates), threads);
    for (std::size_t probe = 0; probe < rows.num; ++probe) {
      std::vector<Candidate>& candidates = found[probe];
      Rescore(rows.values + probe * rows.dim, gallery, width, &candidates);
      for (std::size_t i = 0; i < width; ++i) {
        const bool is_found = i < candidates.size();
        *to_row++ = is_found ? static_cast<std::int64_t>(candidates[i].row) : -1;
        *to_divergence++ = is_found ? candidates[i].divergence
                                    : std::numeric_limits<double>::quiet_NaN();
      }
    }
  }
  return {found_rows, divergences};
}

}  // namespace

void DefineGallery(py::module_& module) {
  module.def("log_probabilities", &LogProbabilities, py::arg("embeddings").noconvert(),
             py::pos_only(),
             "ln(dim softmax) of rows of logits, padded as galleries are.");
  module.def("gallery_scores", &Scores, py::arg("probe").noconvert(),
             py::arg("values").noconvert(), py::arg("scales").noconvert(),
             py::arg("is_narrow"), py::arg("num_threads"), py::pos_only(),
             "Divergences of one probe and stored rows; NaN for removed rows.");
  module.def("gallery_search", &Search, py::arg("probes").noconvert(),
             py::arg("values").noconvert(), py::arg("scales").noconvert(),
             py::arg("exact").noconvert(), py::arg("is_narrow"), py::arg("k"),
             py::arg("num_candidates"), py::arg("num_threads"), py::pos_only(),
             "Rows and divergences of the k stored rows nearest to each probe.");
}

}  // namespace speakersdk
