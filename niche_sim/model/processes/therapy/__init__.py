"""Drugs, resistance to them, and blood samples."""
