"""What a compiled artifact is made of, and how it gets into a store and out of it whole.

This package also runs inside LMI containers, some of which have Python 3.8 and none of which has
lmi-deploy: it imports the standard library alone, and S3 clients are handed in.
"""
