"""The Custom API Data Push: one push for each node that a callee has left in a workflow."""
