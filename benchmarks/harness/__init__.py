"""Code shared by the benchmarks: measurement, corpora, trials and tables."""
