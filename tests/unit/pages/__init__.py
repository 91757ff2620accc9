"""What the pages in docs/ say of the code, held against the code."""
