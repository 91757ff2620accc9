"""How an idea is observed: fresh processes, mirrored blocks, kept outputs, witnessed work.

The parent's half (`observe`, `processes`, `examination`) starts workers and sleeps; the worker's half (`worker`,
`session`, `arms`, `timing`, `witness`) imports torch and what it measures, never mlflow or hydra. Neither half knows a
threshold.
"""
