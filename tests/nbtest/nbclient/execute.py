"""Executes a notebook with nbclient: python execute.py NOTEBOOK RESULT. Validates both by nbformat's schema."""

import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, record_timing=False).execute()
nbformat.validate(notebook)
nbformat.write(notebook, sys.argv[2])
if len(sys.argv) > 3:
    nbformat.validate(nbformat.read(sys.argv[3], as_version=nbformat.NO_CONVERT))
