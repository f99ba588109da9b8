"""Learns the projection of descriptors by which samples are compared."""
