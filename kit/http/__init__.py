"""What every HTTP service shares: limits at the edge, problems, health, pages, clients."""
