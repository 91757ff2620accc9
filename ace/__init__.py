"""ACE: does this compute-efficiency idea really help, where, and who can check it?

The flow: `launch.py` measures one cell a job and records it in MLflow; `ace-decide` judges what MLflow holds.
Nothing is imported here, so that a measuring worker pays only for what it names.
"""

__version__ = "0.1.0"
