"""Print the table and write docs/deceptions.md."""

from tests.deceptions.table import PAGE, page

text = page()
PAGE.write_text(text, encoding="utf-8")
print(text)
