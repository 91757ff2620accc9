"""Measure one cell, or with -m a sweep of cells: `python launch.py -m seq_len=128,256,512 batch=1,2,4`."""

from ace.cli.launch import main

if __name__ == "__main__":
    main()
