"""AliExpress: each file is one walk that a shopkeeper could follow."""
