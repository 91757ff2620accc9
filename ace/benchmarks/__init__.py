"""What is asked of a model: documents with labels, one module per corpus, exactly as long as a cell needs them.

Runs in the parent process, which does not import torch: arrays here are numpy's.
"""
