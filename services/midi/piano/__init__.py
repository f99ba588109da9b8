"""The piano tracker: notes and pedals as intervals, by Transkun's network.

Yan, Cwitkowitz and Duan, "Skipping the frame-level: event-based piano transcription with neural
semi-CRFs", NeurIPS 2021; Yan and Duan, "Scoring intervals using non-hierarchical transformer for
automatic piano transcription", ISMIR 2024. The network gives every pair of frames, of every key and
pedal, the score of a note that lasts from one to the other; the best set of intervals that do not
overlap is found by dynamic programming.
"""
