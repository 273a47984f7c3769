"""What `lmi-deploy explain` tells: a finding's code, an option of the container, a decided value.

Each module turns data into text for people and plain data for programs; nothing here decides.
"""
