"""The configuration: config.toml, secrets.toml and the environment as checked, frozen values."""
