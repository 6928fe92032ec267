"""What README says, done as README says it."""
