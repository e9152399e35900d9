"""The settings of a run: composed of the steps' own, read from flags, the environment and YAML."""
