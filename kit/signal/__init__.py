"""Signal work that several services need, in numpy: spectra, novelty, onsets, pulse."""
