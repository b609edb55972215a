"""Everything that touches Playwright: launch, sign-in state, editions, the walk itself, evidence."""
