"""Drum transcription by the project's own network: features, activations, strokes."""
