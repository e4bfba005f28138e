"""The demonstration: a live channel of its own making, with faults at known times, watched by vqmon."""
