"""TinyMart, a portal that comes as a package of its own."""
