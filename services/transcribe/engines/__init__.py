"""What runs networks; each module imports its own library, and is imported only to be used."""
