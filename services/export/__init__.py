"""Export: one ZIP archive that a DAW, a sampler or a karaoke player opens.

The handler reads the files of an item or of a collection into the data classes of `bundle.py`;
a preset chooses which files to write from them, and `formats` holds one pure writer per format.
"""
