"""What tumours shed into blood."""
