"""Compiled loops over arrays. They know no biology and never draw random numbers."""
