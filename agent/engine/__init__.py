"""Durable work: the ledger (our tables), the visits, and the one function that advances whatever is due."""
