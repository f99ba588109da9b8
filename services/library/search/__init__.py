"""Search: a document for each item, the full-text index, and an owner's columns in memory."""
