#include "gallery_bindings.h"

#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "arguments.h"
#include "gallery.h"
#include "matrix_form.h"

namespace speakersdk {
namespace {

// More threads than any machine has cores are a mistake.
constexpr py::ssize_t kMaxThreads = 1024;

std::size_t CheckedThreads(py::ssize_t num_threads) {
  if (num_threads >= 1 && num_threads <= kMaxThreads) {
    return static_cast<std::size_t>(num_threads);
  }
  throw std::invalid_argument("num_threads: expected 1 to " +
                              std::to_string(kMaxThreads) + ", got " +
                              std::to_string(num_threads));
}

void CheckFinite(const Rows& rows) {
  const std::size_t invalid = FindInvalid(Domain::kLogits, rows.values, rows.Size());
  if (invalid != rows.Size()) ThrowInvalid(Domain::kLogits, rows, invalid);
}

// ln(D p) of checked rows of logits. Called without the GIL.
std::vector<float> Logs(const Rows& rows) {
  std::vector<float> logs(rows.num * RowStride(rows.dim));
  CheckFinite(rows);
  const std::size_t row =
      LogProbabilities(rows.values, rows.num, rows.dim, logs.data());
  if (row != rows.num) {
    std::ostringstream message;
    message << rows.name << ": expected logits that span at most " << kMaximumSpan
            << ", got more in row " << row
            << "; scale them, or use the float64 functions";
    throw std::invalid_argument(message.str());
  }
  return logs;
}

py::array_t<float> ToArray(const std::vector<float>& values, std::size_t num,
                           std::size_t width) {
  py::array_t<float> array({num, width});
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

py::array_t<float> PythonLogs(const FloatArray& logits) {
  const Rows rows = CheckedRows("embeddings", logits, 2);
  std::vector<float> logs;
  {
    const py::gil_scoped_release release;
    logs = Logs(rows);
  }
  return ToArray(logs, rows.num, RowStride(rows.dim));
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

// The stored rows; `dim` values of each count.
GalleryRows CheckedGallery(const py::array& values,
                           const std::optional<FloatArray>& scales, std::size_t dim,
                           bool is_narrow) {
  const Storage storage = CheckedStorage(values);
  const std::size_t stride = RowStride(dim);
  if (values.ndim() != 2 || static_cast<std::size_t>(values.shape(1)) != stride ||
      (values.flags() & py::array::c_style) == 0) {
    throw std::invalid_argument("values: expected a contiguous matrix (num, " +
                                std::to_string(stride) + "), got shape " +
                                Shape(values));
  }
  const void* data = values.data();
  if (reinterpret_cast<std::uintptr_t>(data) %
          static_cast<std::size_t>(values.itemsize()) !=
      0) {
    throw std::invalid_argument("values: expected an aligned array");
  }
  if (scales.has_value() != (storage == Storage::kInt8)) {
    throw std::invalid_argument("scales: expected them for int8 values and only then");
  }
  if (scales &&
      (scales->ndim() != 1 || scales->shape(0) != values.shape(0) ||
       reinterpret_cast<std::uintptr_t>(scales->data()) % alignof(float) != 0)) {
    throw std::invalid_argument(
        "scales: expected one aligned value per row, got shape " + Shape(*scales));
  }
  const auto num = static_cast<std::size_t>(values.shape(0));
  return {storage, dim, {data, scales ? scales->data() : nullptr, num, is_narrow}};
}

// A batch of probes with what the scans need of them.
struct Probes {
  std::vector<float> logs;
  std::vector<float> weights;

  explicit Probes(const Rows& rows) : logs(Logs(rows)), weights(logs.size()) {
    Weights(logs.data(), rows.num, rows.dim, weights.data());
  }
};

py::array_t<float> Scores(const FloatArray& probe, const py::array& values,
                          const std::optional<FloatArray>& scales, bool is_narrow,
                          py::ssize_t num_threads) {
  const Rows rows = CheckedRows("probe", probe, 1);
  const GalleryRows gallery = CheckedGallery(values, scales, rows.dim, is_narrow);
  const std::size_t threads = CheckedThreads(num_threads);
  py::array_t<float> out(values.shape(0));
  float* const data = out.mutable_data();
  {
    const py::gil_scoped_release release;
    const Probes probes(rows);
    ScoreRows({probes.logs.data(), probes.weights.data(), 1}, gallery, threads, data);
  }
  return out;
}

// (rows, divergences), both (num_probes, min(k, num)); -1 and NaN where fewer were
// found.
std::pair<py::array_t<std::int64_t>, py::array_t<float>> Search(
    const FloatArray& probes, const py::array& values,
    const std::optional<FloatArray>& scales, bool is_narrow, py::ssize_t k,
    py::ssize_t num_threads) {
  const Rows rows = CheckedRows("probes", probes, 2);
  const GalleryRows gallery = CheckedGallery(values, scales, rows.dim, is_narrow);
  const std::size_t threads = CheckedThreads(num_threads);
  if (k < 0) {
    throw std::invalid_argument("k: expected at least 0, got " + std::to_string(k));
  }
  const std::size_t width = std::min(static_cast<std::size_t>(k), gallery.rows.num);
  py::array_t<std::int64_t> found_rows({rows.num, width});
  py::array_t<float> divergences({rows.num, width});
  std::int64_t* to_row = found_rows.mutable_data();
  float* to_divergence = divergences.mutable_data();
  {
    const py::gil_scoped_release release;
    const Probes prepared(rows);
    const auto found =
        FindNearest({prepared.logs.data(), prepared.weights.data(), rows.num}, gallery,
                    width, threads);
    for (const std::vector<Candidate>& candidates : found) {
      for (std::size_t i = 0; i < width; ++i) {
        const bool is_found = i < candidates.size();
        *to_row++ = is_found ? static_cast<std::int64_t>(candidates[i].row) : -1;
        *to_divergence++ = is_found ? candidates[i].divergence
                                    : std::numeric_limits<float>::quiet_NaN();
      }
    }
  }
  return {found_rows, divergences};
}

// (J of all pairs, how many of them by the difference form)
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
    const std::vector<float> a_logs = Logs(a_rows);
    const std::vector<float> b_logs = Logs(b_rows);
    num_differences = AllPairs(a_logs.data(), a_rows.num, b_logs.data(), b_rows.num,
                               a_rows.dim, threads, data);
  }
  return {out, num_differences};
}

}  // namespace

void DefineGallery(py::module_& module) {
  module.def("log_probabilities", &PythonLogs, py::arg("embeddings").noconvert(),
             py::pos_only(),
             "ln(dim softmax) of rows of logits, padded as galleries are.");
  module.def("gallery_scores", &Scores, py::arg("probe").noconvert(),
             py::arg("values").noconvert(), py::arg("scales").noconvert(),
             py::arg("is_narrow"), py::arg("num_threads"), py::pos_only(),
             "Divergences of one probe and stored rows; NaN for removed rows.");
  module.def("gallery_search", &Search, py::arg("probes").noconvert(),
             py::arg("values").noconvert(), py::arg("scales").noconvert(),
             py::arg("is_narrow"), py::arg("k"), py::arg("num_threads"), py::pos_only(),
             "Rows and divergences of the k stored rows nearest to each probe.");
  module.def(
      "symmetric_kl_pairs", &Pairs, py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("num_threads"), py::pos_only(),
      "float32 divergences of all pairs, and how many took the difference form.");
}

}  // namespace speakersdk
