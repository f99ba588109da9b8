"""Who asks: tokens, passwords, and what a route demands."""
