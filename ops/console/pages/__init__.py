"""The pages, one a file: each reads its address, asks functions of `ops`, and renders a template."""
