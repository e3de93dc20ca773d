"""Pure builders, one a kind: values in, the applied manifest out. ``names.py`` holds every name, label and key."""
