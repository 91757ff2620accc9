"""Benchmark-specific scores, per example and paired: what an idea costs, on the documents of its own benchmark."""
