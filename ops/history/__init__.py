"""How it went: `airudder.history` as series of numbers that charts show."""
