"""What AI Rudder sends, one kind of callback a module, and how its bytes become rows. Pure: no client, no clock."""
