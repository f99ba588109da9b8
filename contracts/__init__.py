"""The vocabulary of Cratedig: what its parts say to each other, and nothing of how."""
