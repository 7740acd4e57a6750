"""The biology: cells, parameters, tissue, the rules and their order."""
