"""What activated stroma lays and secretes."""
