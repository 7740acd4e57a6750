"""Vessels, what makes them sprout, and what they bring."""
