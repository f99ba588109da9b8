"""Tempo, beats and downbeats, key, chords, form and pictures of a recording, all by signal
processing: tempo by autocorrelation, beats by dynamic programming, chords by a hidden Markov
model over tuned chroma, sections by Foote's novelty. If stems are inputs, it takes the
tempo from the drums and the key from the pitched stems."""
