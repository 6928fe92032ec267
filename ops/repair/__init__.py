"""How operators repair what went wrong: dead letters by cause, replays, and the record of what was done."""
