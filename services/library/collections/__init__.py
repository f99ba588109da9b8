"""Collections of items: their order, nesting, sharing and rights."""
