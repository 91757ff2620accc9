"""Writes the table of failures into docs/telemetry.md: `make telemetry`."""

import tempfile
from pathlib import Path

from tests.integration.telemetry.failures import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "telemetry.md"
BEGIN, END = "<!-- written by `make telemetry` -->\n", "<!-- end of what is written -->\n"


def parts(text: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands behind it."""
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def main() -> None:
    """Look, and write."""
    before, _, after = parts(PAGE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        made = table(Path(folder))
    PAGE.write_text(f"{before}{BEGIN}{made}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
