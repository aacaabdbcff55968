// Rows of logits for the float32 kernels: padded logarithms and weights.

#ifndef SPEAKERSDK_ROWS_H_
#define SPEAKERSDK_ROWS_H_

#include <cstddef>
#include <vector>

namespace speakersdk {

// Largest span, max - min, of the logits of a row. With a larger span the exponentials
// exceed the range of float32.
constexpr float kMaximumSpan = 64.0F;

// `dim` rounded up to kRowMultiple.
std::size_t RowStride(std::size_t dim) noexcept;

// Index of the first row of logits (num, dim) whose span exceeds kMaximumSpan or that
// has a value that is not finite; num if there is none.
std::size_t FindWide(const float* logits, std::size_t num, std::size_t dim) noexcept;

// Converts rows of logits, in which FindWide finds nothing, to ln(D p) and D p, where
// p = softmax(logits).
class RowMaker {
 public:
  explicit RowMaker(std::size_t dim);

  // logits (num, dim); logs and weights (num, RowStride(dim)), padded with zeros. Each
  // value is rounded once to float32.
  void Make(const float* logits, std::size_t num, float* logs, float* weights) noexcept;

 private:
  std::size_t dim_;
  std::vector<double> probabilities_;
};

}  // namespace speakersdk

#endif  // SPEAKERSDK_ROWS_H_
