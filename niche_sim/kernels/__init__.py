"""Compiled loops over arrays. They know no biology, import nothing of the package and never draw random numbers."""
