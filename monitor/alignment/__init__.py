"""Which reference frame a distorted frame shows, from what the pictures look like: signatures in, alignment out.

Nothing here decodes, waits or scores: ``signature`` shrinks a picture, ``offset`` finds by how much two files are apart,
``tracking`` follows them frame by frame and counts what was dropped, repeated or frozen.
"""
