"""All deceptions, in the order of the table."""

from tests.deceptions import lies_about_choice, lies_about_energy, lies_about_time, lies_about_work, lies_about_worth
from tests.deceptions.case import Case

SUBJECTS: tuple[tuple[str, tuple[Case, ...]], ...] = (
    ("What the arms did", lies_about_work.CASES),
    ("What was timed", lies_about_time.CASES),
    ("What the gain is worth", lies_about_worth.CASES),
    ("What the joules are", lies_about_energy.CASES),
    ("What was chosen, seen and kept", lies_about_choice.CASES),
)
CASES = tuple(case for _, cases in SUBJECTS for case in cases)
DECEPTIONS = tuple(case for case in CASES if not case.only_warns)
"""Those that must not be accepted; the others are harmless for the gain, and the user must hear of them."""
