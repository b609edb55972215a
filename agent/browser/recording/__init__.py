"""
Recordings: what a walk saw, page by page, with everything personal replaced; and walking through them again.

``capture`` reads a page as a tree, ``scrub`` replaces what is personal in it, ``markup`` writes it as static HTML. The ``recorder`` keeps
a visit so; the ``player`` shows it to a walk of today, and ``replay`` tells the first thing that goes another way.
"""
