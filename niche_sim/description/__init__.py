"""The model in words: `describe`, the ODD protocol, the evidence report, stages in sentences."""
