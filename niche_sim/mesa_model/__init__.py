"""The model and its cells as Mesa sees them."""
