"""The command line: `app` is the application, `main` runs it, each other module adds its
commands.
"""
