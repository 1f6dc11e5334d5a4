"""Birds, as CUB-200-2011 photographs them."""
