"""The processes, as commands: those of the Procfile, and watch."""
