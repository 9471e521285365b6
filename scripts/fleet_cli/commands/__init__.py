"""The commands, one module each: options and output here, the work in the modules beside this package."""
