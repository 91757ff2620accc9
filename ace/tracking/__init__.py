"""MLflow, and nothing but MLflow: what a cell leaves behind, and what judgement gets to read.

A cell is written by `writer` into a store opened by `store`; `reconcile` closes the runs of dead processes; `reader`
hands everything back as `ace.domain.stored.Evidence`, doubting every byte. Nothing else in ACE imports MLflow, and a
worker that measures must not import these modules (MLflow costs more than a second and 170 MB).
"""

import os

# MLflow looks at these once it is imported, which only the modules of this package do. Its usage telemetry would open
# connections at random moments of a measurement; its "View run at" lines and bars would tear the progress display.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
