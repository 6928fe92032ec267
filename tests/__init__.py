"""Tests on real servers and real processes; one file a module, and acceptance/ from end to end."""
