"""The processes of the Procfile, as commands."""
