"""What many mice say together: sensitivity, calibration, power, windows. They take rows and give tables."""
