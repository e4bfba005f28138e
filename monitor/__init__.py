"""vqmon's library: decode, sample, score, pool, store and alert on the pictures of video streams."""

__version__ = "0.1.0"
