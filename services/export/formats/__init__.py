"""Writers of file formats: data classes of `services.export.bundle` in, files out.

Each writer is pure: the same data gives the same bytes, and nothing is read but its arguments.
"""
