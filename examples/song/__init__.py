"""The demo's own song: synthesised from known notes, with a voice that says known words (CC0)."""
