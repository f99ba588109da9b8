"""Tempo, beats and downbeats, key, chords, form and pictures of a recording, all by signal
processing: tempo by autocorrelation, beats by dynamic programming, chords by a hidden Markov
model over tuned chroma, sections by novelty. Hears tempo in the drums and key in bass and other
where stems are given."""
