"""The search for what must not be shown: marked pushes through every path, and then every place that somebody reads."""
