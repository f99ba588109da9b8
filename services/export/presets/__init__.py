"""Presets: which files a bundle has. One module for each, with one function that writes them."""
