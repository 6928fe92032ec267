"""From bytes to values: judging, decoding, salvaging, cleaning, and what the vendor's texts stand for."""
