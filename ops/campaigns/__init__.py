"""Campaigns: how a workflow's calls go, by day, hour and node; one call, and a person's contacts.

"Reached" and "conversation" are what docs/queries.md says under "Queries for analysts".
"""
