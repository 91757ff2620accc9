"""The ideas, one file each: an executor takes a model and example inputs and gives back the candidate module.

Tensors in, tensors out, the paper cited. Nothing here knows the clock that judges it, the store or the thresholds, and
nothing imports `ace.models`: an executor works on any module that has the parts it needs.
"""
