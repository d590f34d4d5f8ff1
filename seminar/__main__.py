"""`python -m seminar`: the command line without the installed script."""

from seminar.cli.main import main

main()
