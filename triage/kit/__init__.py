"""Tools with no product word in them."""
