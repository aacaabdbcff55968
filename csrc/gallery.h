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

#include "kernels/kernel.h"
#include "rows.h"

namespace speakersdk {

enum class Storage { kFloat32, kFloat16, kInt8 };

struct GalleryRows {
  Storage storage;
  std::size_t dim;
  ScanRows rows;
  const float* exact;  // (num, stride): ln(D q) as rounded once, or null if not kept
};

// Probes as RowMaker gives them.
struct GalleryProbes {
  const float* logs;
  const float* weights;
  std::size_t num;
};

// out[row] = J(probe, row), NaN for a removed row; one probe.
void ScoreRows(const GalleryProbes& probe, const GalleryRows& gallery,
               std::size_t num_threads, float* out);

struct Candidate {
  double divergence;
  std::size_t row;
};

// The k rows nearest to each probe, in the order of (divergence, row); fewer where the
// gallery holds fewer. Removed rows are left out. Never holds more than k candidates
// per probe and thread.
std::vector<std::vector<Candidate>> FindNearest(const GalleryProbes& probes,
                                                const GalleryRows& gallery,
                                                std::size_t k, std::size_t num_threads);

// Computes the divergences of a probe (dim logits) and its candidates again as
// symmetric_kl.h does, from the rows as exactly as they are kept, and leaves the k
// nearest.
void Rescore(const float* probe, const GalleryRows& gallery, std::size_t k,
             std::vector<Candidate>* candidates);

}  // namespace speakersdk

#endif  // SPEAKERSDK_GALLERY_H_
