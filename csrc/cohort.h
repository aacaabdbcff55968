// The nearness of an embedding to a cohort: its mean score with the most similar
// members.
//
// A score is -J (symmetric_kl.h). The members are the same people in several conditions
// of recording, such as by telephone.

#ifndef SPEAKERSDK_COHORT_H_
#define SPEAKERSDK_COHORT_H_

#include <cstddef>
#include <optional>
#include <vector>

namespace speakersdk {

struct CohortForm {
  std::size_t conditions;  // as many members in each
  std::size_t nearest;     // members in the mean; half as many within a condition
  std::optional<std::size_t> telephone;  // the condition that is speech by telephone
  double typical;  // nearness of a typical recording, which is subtracted
};

class Cohort {
 public:
  // Prepares the members: (num, dim) finite logits, one condition after the other.
  // Preconditions, which are not checked: conditions divides num, nearest is from 1 to
  // num / conditions, telephone is below conditions.
  Cohort(const float* logits, std::size_t num, std::size_t dim, const CohortForm& form);

  [[nodiscard]] std::size_t Dim() const noexcept { return dim_; }

  // Values that Nearness writes: 2 + conditions.
  [[nodiscard]] std::size_t Width() const noexcept { return 2 + form_.conditions; }

  // The nearness of an embedding (dim finite logits):
  //   out[0]      mean score with the nearest members, minus the typical one
  //   out[1]      that of the condition by telephone in out[2...]; 0 if there is none
  //   out[2 + c]  mean score with the nearest members within condition c, minus the
  //               mean of all conditions
  // Scores have the precision of ScanFunction (kernels/kernel.h). Thread-safe.
  void Nearness(const float* embedding, double* out) const;

 private:
  // J of an embedding and every member.
  [[nodiscard]] std::vector<float> Divergences(const float* embedding) const;

  std::size_t num_;
  std::size_t dim_;
  CohortForm form_;
  bool is_wide_;             // a member spans more than kMaximumSpan
  std::vector<float> logs_;  // (num, RowStride(dim)) of RowMaker
};

}  // namespace speakersdk

#endif  // SPEAKERSDK_COHORT_H_
