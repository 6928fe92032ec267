"""The vendor as a second source of truth: what AI Rudder has, asked by its API, beside what came here."""
