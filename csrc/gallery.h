// Scoring of probes against the stored rows of a gallery: all scores, or the best few.
//
// A row is stored as ln(D q): the logarithm of its softmax distribution times the
// number of values. The row of the uniform distribution is zero, and no normalizer is
// stored. A scan reads one float32 vector per row and recomputes q in registers.

#ifndef SPEAKERSDK_GALLERY_H_
#define SPEAKERSDK_GALLERY_H_

#include <cstddef>
#include <vector>

#include "kernels/kernel.h"
#include "rows.h"

namespace speakersdk {

enum class Storage { kFloat32, kFloat16, kInt8 };

struct GalleryRows {
  Storage storage;
  std::size_t dim;
  ScanRows rows;
  const float* exact;  // (num, stride): ln(D q) rounded once, or null if not stored
};

// Probes converted by RowMaker.
struct GalleryProbes {
  const float* logs;
  const float* weights;
  std::size_t num;
};

// out[row] = J(probe, row) for a single probe; NaN for a removed row.
void ScoreRows(const GalleryProbes& probe, const GalleryRows& gallery,
               std::size_t num_threads, float* out);

struct Candidate {
  double divergence;
  std::size_t row;
};

// The k rows nearest to each probe, in the order of (divergence, row); fewer if the
// gallery has fewer. Removed rows are skipped. Keeps at most k candidates per probe and
// thread.
std::vector<std::vector<Candidate>> FindNearest(const GalleryProbes& probes,
                                                const GalleryRows& gallery,
                                                std::size_t k, std::size_t num_threads);

// Computes the divergences between a probe (dim logits) and its candidates again as in
// symmetric_kl.h, from the rows as exact as they are stored, and keeps the k nearest.
void Rescore(const float* probe, const GalleryRows& gallery, std::size_t k,
             std::vector<Candidate>* candidates);

}  // namespace speakersdk

#endif  // SPEAKERSDK_GALLERY_H_
