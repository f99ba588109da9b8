"""Authentication: tokens, passwords, and the dependencies with which routes require them."""
