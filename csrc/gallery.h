// Scoring of probes against the stored rows of a gallery: all scores, or the best few.
//
// A row is stored as ln(D q): the logarithm of its softmax distribution times the
// number of values, so that the uniform distribution is all zeros and no normaliser has
// to be kept. One float32 vector per row is all that a scan reads; q is recomputed from
// it in registers.

#ifndef SPEAKERSDK_GALLERY_H_
#define SPEAKERSDK_GALLERY_H_

#include <cstddef>
#include <vector>

#include "kernel.h"

namespace speakersdk {

// Largest max - min of the logits of a row: beyond it, exponentials leave the range of
// float32.
constexpr float kMaximumSpan = 64.0F;

enum class Storage { kFloat32, kFloat16, kInt8 };

// `dim` rounded up to kRowMultiple.
std::size_t RowStride(std::size_t dim) noexcept;

// Writes ln(D softmax(logits)) of every row, padded with zeros: logits (num, dim), logs
// (num, RowStride(dim)). Returns the first row that spans more than kMaximumSpan, where
// it stops, or num. Each value is rounded once to float32.
std::size_t LogProbabilities(const float* logits, std::size_t num, std::size_t dim,
                             float* logs);

// D p of rows of ln(D p); both (num, stride), the padding zeros.
void Weights(const float* logs, std::size_t num, std::size_t dim, float* weights);

struct GalleryRows {
  Storage storage;
  std::size_t dim;
  ScanRows rows;
};

// Probes as LogProbabilities and Weights give them.
struct GalleryProbes {
  const float* logs;
  const float* weights;
  std::size_t num;
};

// out[row] = J(probe, row), NaN for a removed row; one probe.
void ScoreRows(const GalleryProbes& probe, const GalleryRows& gallery,
               std::size_t num_threads, float* out);

struct Candidate {
  float divergence;
  std::size_t row;
};

// The k rows nearest to each probe, in the order of (divergence, row); fewer where the
// gallery holds fewer. Removed rows are left out. Never holds more than k candidates
// per probe and thread.
std::vector<std::vector<Candidate>> FindNearest(const GalleryProbes& probes,
                                                const GalleryRows& gallery,
                                                std::size_t k, std::size_t num_threads);

}  // namespace speakersdk

#endif  // SPEAKERSDK_GALLERY_H_
