"""The services, one folder for each word."""
