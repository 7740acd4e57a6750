"""What comes from the bone marrow, stays, and feeds back."""
