"""Weights of networks: their manifests, the store that fetches and verifies them, safe readers."""
