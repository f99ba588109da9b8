"""Opens what users upload, once, in a sandbox, and makes of it what every other service reads.

The upload is decoded by a confined `ffmpeg` into a stream of samples that is bounded while it
flows; out of it come canonical FLAC (the source's rate, mono or stereo, 24 bit, exact for
lossless sources of up to 24 bits), a waveform, embedded tags, loudness after ITU-R BS.1770-4,
true peak and a map of silence. An hour of stereo goes through in flat memory.
"""
