"""Lymphocytes, and Kupffer cells beside a colony."""
