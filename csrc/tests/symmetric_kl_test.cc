// Unit tests of the kernels; the sanitize preset runs them under ASan and UBSan. Every
// buffer has exactly the size that the header asks for so that ASan sees an overrun.

#include "symmetric_kl.h"

#include <array>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

#include "tests/testing.h"

namespace speakersdk {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr std::array<Domain, 2> kDomains = {Domain::kLogits, Domain::kPositive};

Doubles Matrix(Domain domain, const Floats& a, const Floats& b, std::size_t dim) {
  const std::size_t num_a = a.size() / dim;
  const std::size_t num_b = b.size() / dim;
  Doubles scratch(ScratchSize(num_a, num_b, dim));
  Doubles out(num_a * num_b, -1.0);
  SymmetricKlMatrix(domain, a.data(), num_a, b.data(), num_b, dim, scratch.data(),
                    out.data());
  return out;
}

double Pair(Domain domain, const Floats& a, const Floats& b) {
  return Matrix(domain, a, b, a.size()).front();
}

// Standard deviation 2, as logits of length T = 2 sqrt(dim) would have.
Floats RandomRows(Domain domain, std::size_t size, std::mt19937& generator) {
  std::normal_distribution<float> normal(0.0F, 2.0F);
  Floats rows(size);
  for (float& value : rows) {
    value = normal(generator);
    if (domain == Domain::kPositive) value = std::exp(value);
  }
  return rows;
}

std::vector<long double> ReferenceWeights(Domain domain, const Floats& row) {
  std::vector<long double> weights;
  long double total = 0.0L;
  for (const float value : row) {
    const auto wide = static_cast<long double>(value);
    weights.push_back(domain == Domain::kLogits ? std::exp(wide) : std::log(wide));
    total += weights.back();
  }
  if (domain == Domain::kLogits) {
    for (long double& weight : weights) weight /= total;
  }
  return weights;
}

struct Reference {
  double divergence;
  double tolerance;  // the error bound of symmetric_kl.h
};

// Of moderate logits only: subtracts no maximum. Where long double is no wider than
// double the reference has the same error as the kernel, and therefore the bound is
// taken twice.
Reference ReferencePair(Domain domain, const Floats& a, const Floats& b) {
  const std::vector<long double> w = ReferenceWeights(domain, a);
  const std::vector<long double> v = ReferenceWeights(domain, b);
  long double divergence = 0.0L;
  long double spread = 0.0L;
  long double scale = 0.0L;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto difference =
        static_cast<long double>(a[i]) - static_cast<long double>(b[i]);
    divergence += (w[i] - v[i]) * difference;
    scale += (std::abs(w[i]) + std::abs(v[i])) * std::abs(difference);
    for (const float other : a) spread = std::fmax(spread, std::abs(a[i] - other));
    for (const float other : b) spread = std::fmax(spread, std::abs(b[i] - other));
  }
  constexpr long double kUnit = std::numeric_limits<double>::epsilon() / 2.0L;
  const auto dim = static_cast<long double>(a.size());
  const long double bound =
      domain == Domain::kLogits
          ? (2.0L * dim + spread + std::log(dim) + 8.0L) * kUnit * scale
          : (dim + 4.0L) * kUnit * divergence + 2.0L * kUnit * scale;
  return {static_cast<double>(divergence), static_cast<double>(2.0L * bound)};
}

bool MatchesReference(Domain domain, const Floats& a, const Floats& b) {
  const Reference reference = ReferencePair(domain, a, b);
  return std::abs(Pair(domain, a, b) - reference.divergence) <= reference.tolerance;
}

void TestKnownValues() {
  // p = (1/2, 1/2), q = (1, e) / (1 + e): J = (q_2 - 1/2) (1 - 0) = tanh(1/2) / 2.
  const double logits = Pair(Domain::kLogits, {0.0F, 0.0F}, {0.0F, 1.0F});
  SPEAKERSDK_CHECK(std::abs(logits - std::tanh(0.5) / 2.0) <= 4.0 * DBL_EPSILON);
  // (1 - 2) (ln 1 - ln 2) twice.
  const double positive = Pair(Domain::kPositive, {1.0F, 2.0F}, {2.0F, 1.0F});
  SPEAKERSDK_CHECK(std::abs(positive - 2.0 * std::log(2.0)) <= 4.0 * DBL_EPSILON);
  // One logit is always the distribution (1).
  SPEAKERSDK_CHECK(Pair(Domain::kLogits, {3.0F}, {-5.0F}) == 0.0);
}

// Every remainder of the vector loop, several times over.
void TestMatchesReferenceForEveryDim() {
  std::mt19937 generator(1);
  for (const Domain domain : kDomains) {
    for (std::size_t dim = 1; dim <= 40; ++dim) {
      const Floats a = RandomRows(domain, dim, generator);
      const Floats b = RandomRows(domain, dim, generator);
      SPEAKERSDK_CHECK(MatchesReference(domain, a, b));
      SPEAKERSDK_CHECK(Pair(domain, a, b) == Pair(domain, b, a));
      SPEAKERSDK_CHECK(Pair(domain, a, a) == 0.0);
    }
  }
}

// One unit in the last place apart: the case that an expanded product cannot do.
void TestNearlyEqualRowsKeepTheirDigits() {
  std::mt19937 generator(2);
  for (const Domain domain : kDomains) {
    const Floats a = RandomRows(domain, 256, generator);
    Floats b = a;
    for (std::size_t i = 0; i < b.size(); i += 2) b[i] = std::nextafter(b[i], FLT_MAX);
    SPEAKERSDK_CHECK(MatchesReference(domain, a, b));
    // The tolerance says something: five digits of J are certain.
    const Reference reference = ReferencePair(domain, a, b);
    SPEAKERSDK_CHECK(reference.divergence > 0.0);
    SPEAKERSDK_CHECK(reference.tolerance < 1e-5 * reference.divergence);
  }
}

// Row counts on both sides of a tile's end.
void TestMatrixEqualsPairs() {
  std::mt19937 generator(3);
  constexpr std::size_t kDim = 19;
  for (const Domain domain : kDomains) {
    for (const std::size_t num_b : {1U, 15U, 16U, 17U, 33U}) {
      constexpr std::size_t kNumA = 3;
      const Floats a = RandomRows(domain, kNumA * kDim, generator);
      const Floats b = RandomRows(domain, num_b * kDim, generator);
      const Doubles out = Matrix(domain, a, b, kDim);
      for (std::size_t i = 0; i < kNumA; ++i) {
        for (std::size_t j = 0; j < num_b; ++j) {
          const Floats a_row(&a[i * kDim], &a[i * kDim] + kDim);
          const Floats b_row(&b[j * kDim], &b[j * kDim] + kDim);
          SPEAKERSDK_CHECK(out[i * num_b + j] == Pair(domain, a_row, b_row));
        }
      }
    }
  }
}

// The same distribution written with other logits: rounding leaves sums on both sides
// of zero. Multiples of 1/256 below 64 plus 512 are exact in float32.
void TestShiftedLogitsAreNeverNegative() {
  std::mt19937 generator(4);
  std::uniform_int_distribution<int> step(-16384, 16384);
  for (int trial = 0; trial < 100; ++trial) {
    Floats a(32);
    for (float& value : a) value = static_cast<float>(step(generator)) / 256.0F;
    Floats b = a;
    for (float& value : b) value += 512.0F;
    b[0] = std::nextafter(b[0], FLT_MAX);
    SPEAKERSDK_CHECK(Pair(Domain::kLogits, a, b) >= 0.0);
    SPEAKERSDK_CHECK(MatchesReference(Domain::kLogits, a, b));
  }
}

void TestExtremeValuesStayFinite() {
  // p = (1, 0), q = (0, 1): J = 2 * (FLT_MAX - -FLT_MAX), which a double holds.
  const double logits = Pair(Domain::kLogits, {FLT_MAX, -FLT_MAX}, {-FLT_MAX, FLT_MAX});
  SPEAKERSDK_CHECK(logits == 4.0 * static_cast<double>(FLT_MAX));
  const float smallest = std::numeric_limits<float>::denorm_min();
  const double positive =
      Pair(Domain::kPositive, {smallest, FLT_MAX}, {FLT_MAX, smallest});
  SPEAKERSDK_CHECK(std::isfinite(positive));
  SPEAKERSDK_CHECK(positive > 0.0);
}

void TestNonFiniteValuesAreInvalid() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Domain domain : kDomains) {
    const Floats valid = {1.0F, std::numeric_limits<float>::denorm_min(), FLT_MAX};
    SPEAKERSDK_CHECK(FindInvalid(domain, valid.data(), valid.size()) == valid.size());
    for (const float value : {kInfinity, -kInfinity, kNan}) {
      const Floats values = {1.0F, 2.0F, value, value};
      SPEAKERSDK_CHECK(FindInvalid(domain, values.data(), values.size()) == 2);
    }
  }
}

void TestPositiveMeansAboveZero() {
  for (const float value : {0.0F, -0.0F, -1.0F}) {
    const Floats values = {1.0F, value};
    SPEAKERSDK_CHECK(FindInvalid(Domain::kLogits, values.data(), values.size()) == 2);
    SPEAKERSDK_CHECK(FindInvalid(Domain::kPositive, values.data(), values.size()) == 1);
  }
}

}  // namespace
}  // namespace speakersdk

int main() {
  if (!speakersdk::KernelRuns()) return speakersdk::kSkipped;
  speakersdk::TestKnownValues();
  speakersdk::TestMatchesReferenceForEveryDim();
  speakersdk::TestNearlyEqualRowsKeepTheirDigits();
  speakersdk::TestMatrixEqualsPairs();
  speakersdk::TestShiftedLogitsAreNeverNegative();
  speakersdk::TestExtremeValuesStayFinite();
  speakersdk::TestNonFiniteValuesAreInvalid();
  speakersdk::TestPositiveMeansAboveZero();
  return speakersdk::num_failures == 0 ? 0 : 1;
}
