"""Cuts a recording into one-shots and loops: spectral-flux onsets, cuts at zero crossings before
the attack, ends after the decay, loops of 1, 2 and 4 bars on a steady beat, and groups of similar
hits with the best of each marked."""
