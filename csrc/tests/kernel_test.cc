// Every function of the kernel in use against the portable one, which is the oracle.

#include "kernels/kernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gallery.h"
#include "matrix_form.h"
#include "symmetric_kl.h"
#include "tests/testing.h"

namespace speakersdk {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr double kUnit = std::numeric_limits<double>::epsilon() / 2.0;

Floats RandomLogits(std::size_t size, float deviation, std::mt19937& generator) {
  std::normal_distribution<float> normal(0.0F, deviation);
  Floats values(size);
  for (float& value : values) value = normal(generator);
  return values;
}

void TestChoosing() {
  SPEAKERSDK_CHECK(std::string(ChooseKernel("portable").name) == "portable");
  SPEAKERSDK_CHECK(ChooseKernel(nullptr).name == AvailableKernels().front());
  SPEAKERSDK_CHECK(ChooseKernel("").name == AvailableKernels().front());
  SPEAKERSDK_CHECK(AvailableKernels().back() == "portable");
  bool is_refused = false;
  try {
    ChooseKernel("sse9");
  } catch (const std::invalid_argument& error) {
    is_refused = std::strstr(error.what(), "portable") != nullptr &&
                 std::strstr(error.what(), "sse9") != nullptr;
  }
  SPEAKERSDK_CHECK(is_refused);
}

// Both sum D terms of exponentials that are within 1.1 units; 2 D + 20 units of the
// whole.
void TestSoftmax() {
  std::mt19937 generator(11);
  const Kernel& kernel = ActiveKernel();
  for (std::size_t dim = 1; dim <= 70; ++dim) {
    for (const float deviation : {0.5F, 4.0F, 100.0F}) {
      const Floats logits = RandomLogits(dim, deviation, generator);
      Doubles expected(dim);
      Doubles got(dim);
      const Normalizer expected_normalizer =
          PortableKernel()->softmax(logits.data(), dim, expected.data());
      const Normalizer normalizer = kernel.softmax(logits.data(), dim, got.data());
      const double tolerance =
          (2.0 * static_cast<double>(dim) + 20.0 + 8.0 * deviation) * kUnit;
      SPEAKERSDK_CHECK(normalizer.peak == expected_normalizer.peak);
      SPEAKERSDK_CHECK(std::abs(normalizer.total - expected_normalizer.total) <=
                       tolerance * expected_normalizer.total);
      for (std::size_t i = 0; i < dim; ++i) {
        SPEAKERSDK_CHECK(std::abs(got[i] - expected[i]) <=
                         tolerance * expected[i] + 1e-307);
      }
    }
  }
}

// One unit in the last place of both sides, over all of float32.
void TestLog() {
  Floats values;
  for (float value = std::numeric_limits<float>::denorm_min(); std::isfinite(value);
       value *= 1.37F) {
    values.push_back(value);
    if (value * 1.37F == value) value *= 2.0F;  // the smallest of all
  }
  for (const float near : {1.0F, 0.70710678F, 1.41421356F, 2.0F}) {
    values.insert(values.end(),
                  {near, std::nextafter(near, 0.0F), std::nextafter(near, 9.0F)});
  }
  values.push_back(std::numeric_limits<float>::max());
  Doubles expected(values.size());
  Doubles got(values.size());
  PortableKernel()->log(values.data(), values.size(), expected.data());
  ActiveKernel().log(values.data(), values.size(), got.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    SPEAKERSDK_CHECK(std::abs(got[i] - expected[i]) <=
                     4.0 * kUnit * std::abs(expected[i]));
  }
}

// Rows as a gallery stores them.
struct Stored {
  Floats logs;
  Floats weights;

  Stored(const Floats& logits, std::size_t dim)
      : logs(logits.size() / dim * RowStride(dim)), weights(logs.size()) {
    const std::size_t num = logits.size() / dim;
    SPEAKERSDK_CHECK(FindWide(logits.data(), num, dim) == num);
    RowMaker(dim).Make(logits.data(), num, logs.data(), weights.data());
  }
};

// The bound of kernel.h for float32; the portable kernel sums in double.
void TestScanFloat32() {
  std::mt19937 generator(12);
  for (const std::size_t dim : {1U, 2U, 15U, 16U, 17U, 128U, 200U, 256U}) {
    for (const float deviation : {0.1F, 0.5F, 2.0F, 8.0F}) {
      constexpr std::size_t kNum = 7;
      Floats logits = RandomLogits(kNum * dim, deviation, generator);
      const Floats probe_logits(logits.begin(),
                                logits.begin() + static_cast<std::ptrdiff_t>(dim));
      logits[dim] = logits[0];  // row 0 is the probe, row 1 shares a value
      const Stored probe(probe_logits, dim);
      const Stored rows(logits, dim);
      const std::size_t stride = RowStride(dim);
      const ScanProbe scan = {probe.logs.data(), probe.weights.data(), stride,
                              1.0F / static_cast<float>(dim)};
      Floats expected(kNum);
      Floats got(kNum);
      const ScanRows scanned = {rows.logs.data(), nullptr, kNum, false};
      PortableKernel()->scan_float32(scan, scanned, expected.data());
      ActiveKernel().scan_float32(scan, scanned, got.data());
      for (std::size_t row = 0; row < kNum; ++row) {
        double scale = 0.0;
        for (std::size_t i = 0; i < dim; ++i) {
          scale += (static_cast<double>(probe.weights[i]) +
                    static_cast<double>(rows.weights[row * stride + i])) *
                   std::abs(rows.logs[row * stride + i] - probe.logs[i]);
        }
        const double bound = (static_cast<double>(stride) / 8.0 + 24.0) / 16777216.0 *
                             scale / static_cast<double>(dim);
        SPEAKERSDK_CHECK(std::abs(got[row] - expected[row]) <= bound);
        SPEAKERSDK_CHECK(got[row] >= 0.0F);
      }
      SPEAKERSDK_CHECK(got[0] == 0.0F);
    }
  }
}

std::uint16_t ToHalf(
    float value) {  // of normal halves, to nearest; ties do not matter here
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  const std::uint32_t half =
      magnitude < 0x38800000U ? 0 : (magnitude + 0x1000U - 0x38000000U) >> 13U;
  return static_cast<std::uint16_t>(((bits >> 16U) & 0x8000U) | half);
}

// Narrow rows: 0.03 % of an exponential at the end of the range; wide ones 4e-7.
void TestScanCompact() {
  std::mt19937 generator(13);
  constexpr std::size_t kNum = 5;
  for (const std::size_t dim : {3U, 16U, 128U, 250U}) {
    for (const bool is_narrow : {true, false}) {
      const Floats logits =
          RandomLogits((kNum + 1) * dim, is_narrow ? 0.5F : 5.0F, generator);
      const Stored rows(logits, dim);
      const std::size_t stride = RowStride(dim);
      std::vector<std::uint16_t> halves(rows.logs.size());
      std::vector<std::int8_t> bytes(rows.logs.size());
      const Floats scales(kNum + 1, is_narrow ? 4.0F / 127.0F : 0.25F);
      for (std::size_t i = 0; i < halves.size(); ++i) {
        halves[i] = ToHalf(rows.logs[i]);
        const float code = std::nearbyint(rows.logs[i] / scales[0]);
        bytes[i] = static_cast<std::int8_t>(std::clamp(code, -127.0F, 127.0F));
      }
      const ScanProbe probe = {&rows.logs[kNum * stride], &rows.weights[kNum * stride],
                               stride, 1.0F / static_cast<float>(dim)};
      Floats expected(kNum);
      Floats got(kNum);
      const auto check = [&](const char*) {
        for (std::size_t row = 0; row < kNum; ++row) {
          SPEAKERSDK_CHECK(std::abs(got[row] - expected[row]) <=
                           2e-3F * expected[row] + 1e-6F);
        }
      };
      const ScanRows half_rows = {halves.data(), nullptr, kNum, is_narrow};
      PortableKernel()->scan_float16(probe, half_rows, expected.data());
      ActiveKernel().scan_float16(probe, half_rows, got.data());
      check("float16");
      const ScanRows byte_rows = {bytes.data(), scales.data(), kNum, is_narrow};
      PortableKernel()->scan_int8(probe, byte_rows, expected.data());
      ActiveKernel().scan_int8(probe, byte_rows, got.data());
      check("int8");
    }
  }
}

// What matrix_form.h promises, against double, with pairs that are similar, equal and
// far apart, and counts on both sides of a tile's and a block's end.
void TestAllPairs() {
  std::mt19937 generator(14);
  for (const std::size_t dim : {1U, 20U, 128U}) {
    for (const std::size_t num_a : {1U, 13U, 15U, 29U}) {
      for (const std::size_t num_b : {1U, 31U, 33U, 70U, 600U}) {
        Floats a = RandomLogits(num_a * dim, 0.5F, generator);
        Floats b = RandomLogits(num_b * dim, 0.5F, generator);
        for (std::size_t i = 0; i < dim; ++i) {
          b[i] = a[i];                                           // equal
          if (num_b > 1) b[dim + i] = a[i] * (1.0F + 0x1p-10F);  // similar
        }
        Floats got(num_a * num_b, -1.0F);
        const std::size_t num_differences =
            AllPairs(a.data(), num_a, b.data(), num_b, dim, 2, got.data());
        // A single row of a is its own center, and one value is always the distribution
        // (1).
        SPEAKERSDK_CHECK(num_differences >= 1 || num_a == 1 || dim == 1);
        SPEAKERSDK_CHECK(num_differences <= num_a * num_b);
        Doubles scratch(ScratchSize(num_a, num_b, dim));
        Doubles expected(num_a * num_b);
        SymmetricKlMatrix(Domain::kLogits, a.data(), num_a, b.data(), num_b, dim,
                          scratch.data(), expected.data());
        for (std::size_t i = 0; i < got.size(); ++i) {
          // Rows are rounded to float32 once more than in double: 1e-9 where J is as
          // small.
          SPEAKERSDK_CHECK(std::abs(got[i] - expected[i]) <=
                           static_cast<double>(kPairTolerance) * expected[i] + 1e-9);
        }
        SPEAKERSDK_CHECK(got[0] == 0.0F);
      }
    }
  }
}

}  // namespace
}  // namespace speakersdk

int main() {
  if (!speakersdk::KernelRuns()) return speakersdk::kSkipped;
  speakersdk::TestChoosing();
  speakersdk::TestSoftmax();
  speakersdk::TestLog();
  speakersdk::TestScanFloat32();
  speakersdk::TestScanCompact();
  speakersdk::TestAllPairs();
  return speakersdk::num_failures == 0 ? 0 : 1;
}
