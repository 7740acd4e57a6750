"""What exosomes do to the organ's resident cells, to blood and to the vessel wall."""
