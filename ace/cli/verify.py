"""`ace-verify`: is a decision bundle, or a consensus with its bundles, what was written, and does evidence give it?

Exit 0 when all is in order, 1 on any difference, each in a line of its own (with --strict also when the world has moved
on), 2 when there is no bundle to verify or another version of ACE wrote it.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ace.cli.foreign import one_line
from ace.cli.resting import collector_resting
from ace.cli.verifying import Verified, verify
from ace.cli.verifying_family import verify_family
from ace.errors import AceError
from ace.report.carried import EVIDENCE
from ace.report.consensus import is_family
from ace.report.pictured import NOT_REDRAWN
from ace.report.reading import SUMS


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="ace-verify", description="Check every digest of a decision bundle and judge its evidence again."
    )
    made.add_argument("bundle", type=Path, metavar="BUNDLE", help="its folder or .zip, or the folder of a consensus")
    made.add_argument(
        "--anchor",
        type=_sha256,
        metavar="DIGEST",
        help="the bundle's digest as ace-decide printed and logged it (bundle: sha256:...)",
    )
    made.add_argument("--strict", action="store_true", help="exit 1 when the bundle is STALE")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = parser().parse_args(arguments)
    try:
        with collector_resting():
            check = verify_family if is_family(options.bundle) else verify
            found = check(options.bundle, options.anchor, time.time())
    except AceError as error:
        print(f"ace-verify: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    try:
        for line in _lines(found, options.anchor):
            print(one_line(line))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read along has seen enough; the exit code says the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1 if found.problems or (options.strict and found.moved_on) else 0)


def _lines(found: Verified, anchor: str | None) -> Iterator[str]:
    if found.problems:
        yield f"NOT VERIFIED: {len(found.problems)} difference(s)"
        yield from (f"  {file}: {said}" for file, said in found.problems)
        yield from (f"  {remark}" for remark in found.remarks)
        yield from (f"  note: {line}" for line in found.moved_on)  # other rules may be why it comes out otherwise
        yield f"bundle: sha256:{found.digest}"
        return
    for made in found.decisions:
        yield f"VERIFIED: {made.verdict}  {made.label}  (experiment {made.experiment})"
    yield f"  {found.files} files are those that {SUMS} lists, and the verdict follows from {EVIDENCE} and records/"
    yield f"  {NOT_REDRAWN}"
    yield from (f"  {remark}" for remark in found.remarks)
    yield f"bundle: sha256:{found.digest}"
    if anchor is None:
        yield (
            "no anchor: hashes prove that these files belong together, not who wrote them; --anchor compares the "
            "bundle with the digest that ace-decide printed and logged as tag ace.bundle_digest"
        )
    else:
        yield "anchor: the same"
    yield from (f"STALE: {line}" for line in found.moved_on)


def _sha256(text: str) -> str:
    digest = text.lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise argparse.ArgumentTypeError(f"{text!r} is no sha256: 64 hexadecimal digits, with or without `sha256:`")
    return digest
