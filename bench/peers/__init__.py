"""What the receiver is held against: each a few honest lines, as an experienced engineer would write it in an hour."""
