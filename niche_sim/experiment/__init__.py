"""What is done to mice: protocols and scenarios, read and written as TOML."""
