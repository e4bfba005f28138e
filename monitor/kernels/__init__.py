"""Arrays in, numbers out: the arithmetic of the metrics, compiled by Numba. No input, no options, no classes of metrics."""
