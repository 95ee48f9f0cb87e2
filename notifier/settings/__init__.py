"""The configuration file and the environment, parsed into frozen `Settings` by `loading.load`."""
