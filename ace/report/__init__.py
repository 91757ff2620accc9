"""What we tell: the decision bundle, and the lines for the terminal.  Data computes, report speaks.

`write_bundle` is imported from `ace.report.bundle` and `summary_lines` from `ace.report.terminal`, so that whoever only
prints does not load the plotting library.
"""
