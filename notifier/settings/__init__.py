"""The configuration file and the environment, parsed once into frozen Settings; `loading.load` is the way in."""
