"""Print the table and write docs/deceptions.md; `--end-to-end FOLDER` measures its lower part first, in that folder."""

import argparse
from pathlib import Path

from tests.deceptions.end_to_end import rows, run
from tests.deceptions.table import PAGE, page

parser = argparse.ArgumentParser(prog="python -m tests.deceptions", description=__doc__)
parser.add_argument("--end-to-end", type=Path, metavar="FOLDER", help="empty, or that of a run that was broken off")
folder = parser.parse_args().end_to_end
if folder is not None:
    folder.mkdir(parents=True, exist_ok=True)
text = page(None if folder is None else list(rows(run(folder.resolve()))))
PAGE.write_text(text, encoding="utf-8")
print(text)
