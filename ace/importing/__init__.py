"""Timings that other tools measured: their files read, doubted, and turned into records with a provenance of their own.

Called by `ace-import`. Nothing here was measured by ACE, so a record made here holds no session: no null arm, no
witness, no outputs. What other tools do not say about their order is unknown, and unknown order never passes.
"""
