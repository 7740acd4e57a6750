"""Running mice: one or many, their names, records, checkpoints and stores."""
