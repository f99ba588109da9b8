"""Maps of an owner's samples: laid out in the background, stored by name."""
