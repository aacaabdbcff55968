"""What every benchmark uses: measuring, the corpora, trials, tables."""
