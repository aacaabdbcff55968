// Nearness against the formula in double precision, for any number of conditions and
// members, and for logits of any span.

#include "cohort.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include "symmetric_kl.h"
#include "tests/testing.h"

namespace speakersdk {
namespace {

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

constexpr std::size_t kDim = 20;

Floats RandomRows(std::size_t num, float deviation, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  Floats rows(num * kDim);
  for (float& value : rows) value = normal(generator);
  return rows;
}

// The scores of an embedding and the members.
Doubles Scores(const Floats& members, const Floats& embedding) {
  const std::size_t num = members.size() / kDim;
  Doubles scratch(ScratchSize(1, num, kDim));
  Doubles scores(num);
  SymmetricKlMatrix(Domain::kLogits, embedding.data(), 1, members.data(), num, kDim,
                    scratch.data(), scores.data());
  for (double& score : scores) score = -score;
  return scores;
}

double MeanOfLargest(Doubles values, std::size_t number) {
  std::sort(values.rbegin(), values.rend());
  return std::accumulate(values.begin(),
                         values.begin() + static_cast<std::ptrdiff_t>(number), 0.0) /
         static_cast<double>(number);
}

void CheckNearness(std::size_t num_inside, float deviation, const CohortForm& form) {
  const Floats members = RandomRows(num_inside * form.conditions, deviation, 1);
  const Cohort cohort(members.data(), members.size() / kDim, kDim, form);
  SPEAKERSDK_CHECK(cohort.Dim() == kDim);
  SPEAKERSDK_CHECK(cohort.Width() == 2 + form.conditions);
  for (const float own_deviation : {0.3F, 3.0F, 40.0F}) {
    const Floats embedding = RandomRows(1, own_deviation, 2);
    const Doubles scores = Scores(members, embedding);
    Doubles inside;
    for (std::size_t i = 0; i < form.conditions; ++i) {
      const auto first = scores.begin() + static_cast<std::ptrdiff_t>(i * num_inside);
      inside.push_back(
          MeanOfLargest({first, first + static_cast<std::ptrdiff_t>(num_inside)},
                        std::max<std::size_t>(1, form.nearest / 2)));
    }
    const double mean = std::accumulate(inside.begin(), inside.end(), 0.0) /
                        static_cast<double>(form.conditions);
    const double overall = MeanOfLargest(scores, form.nearest);
    const double tolerance = 1e-5 * (std::abs(mean) + std::abs(overall));
    Doubles found(cohort.Width());
    cohort.Nearness(embedding.data(), found.data());
    SPEAKERSDK_CHECK(std::abs(found[0] - (overall - form.typical)) <= tolerance);
    for (std::size_t i = 0; i < form.conditions; ++i) {
      SPEAKERSDK_CHECK(std::abs(found[2 + i] - (inside[i] - mean)) <= tolerance);
    }
    SPEAKERSDK_CHECK(found[1] == (form.telephone ? found[2 + *form.telephone] : 0.0));
  }
}

void TestNearnessIsThatOfTheFormula() {
  for (const float deviation : {0.3F, 3.0F, 40.0F}) {  // the last spans more than 64
    CheckNearness(1, deviation, {1, 1, std::nullopt, 0.0});
    CheckNearness(7, deviation, {1, 7, 0, -0.25});
    CheckNearness(6, deviation, {4, 3, 2, 0.5});
    CheckNearness(90, deviation, {3, 31, std::nullopt, 0.0});
  }
}

// Members of equal scores count as often as they are there.
void TestEqualMembers() {
  const Floats row = RandomRows(1, 1.0F, 3);
  Floats members;
  for (int i = 0; i < 8; ++i) members.insert(members.end(), row.begin(), row.end());
  const Cohort cohort(members.data(), 8, kDim, {2, 4, 1, -0.5});
  Doubles found(cohort.Width());
  cohort.Nearness(row.data(), found.data());
  SPEAKERSDK_CHECK((found == Doubles{0.5, 0.0, 0.0, 0.0}));
}

}  // namespace
}  // namespace speakersdk

int main() {
  if (!speakersdk::KernelRuns()) return speakersdk::kSkipped;
  speakersdk::TestNearnessIsThatOfTheFormula();
  speakersdk::TestEqualMembers();
  return speakersdk::num_failures == 0 ? 0 : 1;
}
