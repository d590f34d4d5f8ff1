"""Which files become images of a project, and how images come and go later."""
