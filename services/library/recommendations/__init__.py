"""Recommendations: sounds of an owner that fit what the owner likes, stored with their reasons."""
