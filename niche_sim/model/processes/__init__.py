"""The rules of biology, one a file. The order in which they act stands in `niche_sim.model.schedule`."""
