"""Trained models: found, checked and turned into functions of features. They are data; none is part of this package."""
