"""`make release`: everything that a release has, in dist/release. It publishes nothing and fetches nothing.

The same commit makes the same bytes: every time in them is that of the commit (SOURCE_DATE_EPOCH). Of the image this holds
for the same base and the same package lists.
"""
