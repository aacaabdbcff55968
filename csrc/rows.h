// Rows of logits as the float32 kernels take them: logarithms and weights, padded.

#ifndef SPEAKERSDK_ROWS_H_
#define SPEAKERSDK_ROWS_H_

#include <cstddef>
#include <vector>

namespace speakersdk {

// Largest max - min of the logits of a row: beyond it, exponentials leave the range of
// float32.
constexpr float kMaximumSpan = 64.0F;

// `dim` rounded up to kRowMultiple.
std::size_t RowStride(std::size_t dim) noexcept;

// The first row of logits (num, dim) that spans more than kMaximumSpan or holds a value
// that is not finite, or num.
std::size_t FindWide(const float* logits, std::size_t num, std::size_t dim) noexcept;

// Turns rows of logits, none of them wide, into ln(D p) and D p with p =
// softmax(logits).
class RowMaker {
 public:
  explicit RowMaker(std::size_t dim);

  // logits (num, dim); logs and weights (num, RowStride(dim)), the padding zeros. Each
  // value is rounded once to float32.
  void Make(const float* logits, std::size_t num, float* logs, float* weights) noexcept;

 private:
  std::size_t dim_;
  std::vector<double> probabilities_;
};

}  // namespace speakersdk

#endif  // SPEAKERSDK_ROWS_H_
