// The oracle: scalar C++ for every processor.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/kernel.h"

namespace speakersdk {
namespace {

// Independent accumulators: with the order of additions fixed in the source, the
// compiler may use vector registers without -ffast-math. Eight fill four 128-bit
// registers, enough to hide the latency of an addition.
constexpr std::size_t kLanes = 8;

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileColumns = 8;

float Span(const float* values, std::size_t size) {
  float low = values[0];
  float high = values[0];
  float not_finite = 0.0F;
  for (std::size_t i = 0; i < size; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
    not_finite += values[i] - values[i];
  }
  return high - low + not_finite;
}

Normalizer Softmax(const float* logits, std::size_t dim, double* probabilities) {
  const double peak = *std::max_element(logits, logits + dim);
  double total = 0.0;
  for (std::size_t i = 0; i < dim; ++i) {
    probabilities[i] = std::exp(logits[i] - peak);
    total += probabilities[i];
  }
  for (std::size_t i = 0; i < dim; ++i) probabilities[i] /= total;
  return {peak, total};
}

void Log(const float* values, std::size_t dim, double* logarithms) {
  for (std::size_t i = 0; i < dim; ++i) {
    logarithms[i] = std::log(static_cast<double>(values[i]));
  }
}

double Pair(const float* a, const double* a_weights, const float* b,
            const double* b_weights, std::size_t dim) {
  const auto term = [=](std::size_t i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    return (a_weights[i] - b_weights[i]) * difference;
  };
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  }
  for (std::size_t lane = 0; i + lane < dim; ++lane) sums[lane] += term(i + lane);
  const double sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
                     ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  // Rounding can make a sum slightly negative that is zero in exact arithmetic.
  return sum < 0.0 ? 0.0 : sum;
}

void RoundRow(const float* logits, double shift, const double* probabilities,
              double scale, std::size_t dim, float* logs, float* weights) {
  for (std::size_t i = 0; i < dim; ++i) {
    logs[i] = static_cast<float>(logits[i] - shift);
    weights[i] = static_cast<float>(probabilities[i] * scale);
  }
}

Moments Measure(const float* weights, const float* center_weights, const float* logs,
                const float* center_logs, std::size_t stride) {
  Moments moments{0.0, 0.0};
  for (std::size_t i = 0; i < stride; ++i) {
    const double weight = static_cast<double>(weights[i]) - center_weights[i];
    const double log = static_cast<double>(logs[i]) - center_logs[i];
    moments.product += weight * log;
    moments.size += weight * weight + log * log;
  }
  return moments;
}

float Widen(float value) { return value; }

float Widen(std::int8_t value) { return static_cast<float>(value); }

float Widen(std::uint16_t half) { return WidenHalf(half); }

template <typename Value>
void Scan(const ScanProbe& probe, const ScanRows& rows, float* out) {
  const auto* values = static_cast<const Value*>(rows.values);
  for (std::size_t row = 0; row < rows.num; ++row, values += probe.stride) {
    const double scale = rows.scales == nullptr ? 1.0 : rows.scales[row];
    double sum = 0.0;
    for (std::size_t i = 0; i < probe.stride; ++i) {
      const double x = scale * Widen(values[i]) - static_cast<double>(probe.logs[i]);
      sum += probe.weights[i] * x * std::expm1(x);
    }
    out[row] = static_cast<float>(sum * probe.scale);
  }
}

void Pack(const float* rows, const float* center, std::size_t num, std::size_t stride,
          std::size_t width, float* packed) {
  for (std::size_t i = 0; i < stride; ++i) {
    for (std::size_t row = 0; row < width; ++row) {
      *packed++ = row < num ? rows[row * stride + i] - center[i] : 0.0F;
    }
  }
}

void TileProduct(const float* a, const float* b, std::size_t depth, float* c) {
  for (std::size_t i = 0; i < kTileRows; ++i) {
    for (std::size_t j = 0; j < kTileColumns; ++j) {
      float sum = 0.0F;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += a[k * kTileRows + i] * b[k * kTileColumns + j];
      }
      c[i * kTileColumns + j] += sum;
    }
  }
}

std::uint32_t FinishRows(const TileSums& sums, const float* products,
                         std::size_t num_rows, float* out, std::size_t out_stride) {
  std::uint32_t uncertain = 0;
  for (std::size_t i = 0; i < num_rows; ++i) {
    for (std::size_t j = 0; j < kTileColumns; ++j) {
      const float divergence =
          sums.squares_a[i] + sums.squares_b[j] - products[i * kTileColumns + j];
      if (divergence < sums.bounds_a[i] + sums.bounds_b[j]) uncertain |= 1U << i;
      out[i * out_stride + j] = divergence * sums.scale;
    }
  }
  return uncertain;
}

constexpr Kernel kKernel = {
    "portable",
    Span,
    Softmax,
    Log,
    Pair,
    RoundRow,
    Measure,
    Scan<float>,
    Scan<std::uint16_t>,
    Scan<std::int8_t>,
    kTileRows,
    kTileColumns,
    TileProduct,
    Pack,
    FinishRows,
};

}  // namespace

// Sign, 5 bits of exponent, 10 of fraction.
float WidenHalf(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
  const std::uint32_t bits = sign | (wide_exponent << 23U) | (fraction << 13U);
  float value = 0.0F;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

const Kernel* PortableKernel() noexcept { return &kKernel; }

}  // namespace speakersdk
