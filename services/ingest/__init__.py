"""Decodes uploads once, in a sandbox, to the canonical audio that every other service reads.

The upload is decoded by a sandboxed `ffmpeg` to a bounded stream of samples; from it ingest
writes canonical FLAC (the source's rate, mono or stereo, 24 bit, exact for
lossless sources of up to 24 bits), a waveform, embedded tags, loudness after ITU-R BS.1770-4,
true peak and a map of silence. Memory does not grow with length.
"""
