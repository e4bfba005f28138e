"""vqmon's composition roots: the command line, settings, and the wiring of each flow."""
