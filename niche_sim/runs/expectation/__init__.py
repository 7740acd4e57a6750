"""What is expected of tumour cells that are not there, from the hazards of one run: backward and forward in time."""
