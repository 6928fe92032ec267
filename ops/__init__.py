"""For people: the commands, the dashboard, everything on one machine. It may import all, and nobody imports it."""
