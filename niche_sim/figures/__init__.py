"""Figures and films; the only folder that draws with Matplotlib."""
