"""Sizes of the piano network's input and output, which its graph and its tracker share."""

RATE = 44_100
"""Sample rate of the network's input, in Hz."""
HOP = 1024
"""Samples from one frame to the next."""
FRAME_SIZE = 4096
"""Samples of a frame."""
SEGMENT_SAMPLES = 16 * RATE
SEGMENT_FRAMES = -(-SEGMENT_SAMPLES // HOP) + 1
"""Frames of a segment, the last of which reaches over its end."""
BLOCK_FRAMES = 64
"""Frames at which the intervals of one block of scores begin."""
WINDOWS = 6
"""Windows of one frame, each of which gives a spectrum: Hann's, and five that were learnt."""
BANDS = 229
"""Mel bands of a spectrum."""
FEATURES = 256
"""Numbers that describe a track at a frame."""
PATCH_FRAMES = 8
"""Frames that the network joins in one step of time."""
PATCHES = -(-SEGMENT_FRAMES // PATCH_FRAMES) + 1
"""Steps of time of a segment."""
SUSTAIN_PEDAL, SOFT_PEDAL = 64, 67
"""MIDI controllers that the network tracks."""
LOWEST, HIGHEST = 21, 108
"""MIDI notes of a piano's keys."""
TRACKS = (-SUSTAIN_PEDAL, -SOFT_PEDAL, *range(LOWEST, HIGHEST + 1))
"""What each of the network's tracks is: a MIDI note, or a controller as a negative number."""
VELOCITIES = 128
