"""`fleet validate`: what is wrong with a control repository, found without compiling a catalog."""
