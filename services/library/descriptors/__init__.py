"""Tables of what is known and measured of the sounds of a search, as files for programs."""
