"""A taught tag as its file holds it."""

TAUGHT_TAG = {
    "name": "imported",
    "version": 1,
    "threshold": 0.5,
    "models": [{"space": "sample", "space_version": "1", "weights": [1.0], "bias": 0.0}],
}
