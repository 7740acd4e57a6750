"""What is meant where nothing is named."""

DEFAULT_SCENARIO = "liver_education_costasilva2015"
DEFAULT_SEED = 1  # the virtual mouse
