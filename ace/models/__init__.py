"""What is made cheaper: encoders whose hidden size, depth and heads are real, pretrained weights, the tokenizer.

Importing this package costs no torch; only calling a `load` does. The parent process, which never imports torch, asks
here for digests and checks a model before a worker loads it.
"""
