"""Tumour cells in the tissue, from dormancy to a colony."""
