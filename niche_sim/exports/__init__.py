"""A run for other programs: archives, AnnData, the data of the canvas, the story of a cell."""
