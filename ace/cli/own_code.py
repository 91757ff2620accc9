"""What lies in the folder where a command is given: code of the user's own, and perhaps `launch.py`.

First step of the commands that import or read code (launch, freeze, calibrate), for a console script has its own folder
on the path, which is nobody's project; and last step of those that tell a user what to run next.
"""

import os
import sys
from pathlib import Path

from ace.decide.launching import LAUNCH

INSTALLED = "ace-launch"


def find_own_code() -> None:
    """Let what lies in the working folder be imported; last, so that it stands in for nothing that is installed."""
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def as_given_here(text: str) -> str:
    """Commands in the form that works in this folder: outside of a checkout the launcher is the installed one."""
    return text if Path(LAUNCH.split()[-1]).exists() else text.replace(LAUNCH, INSTALLED)
