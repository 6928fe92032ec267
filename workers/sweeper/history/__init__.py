"""History: what was counted and settled, minute by minute and later hour by hour, for whoever asks how it went."""
