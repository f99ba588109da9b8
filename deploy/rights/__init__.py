"""What each service may do in the S3 store: policies, and the program that applies them."""
