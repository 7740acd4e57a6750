"""Tumour cells from their arrest to the tissue."""
