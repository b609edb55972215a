"""What to do, and where: one folder per site, each file a walk that a shopkeeper could follow."""
