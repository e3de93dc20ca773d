"""Pure builders, one a kind: values in, the manifest that is applied out. ``names.py`` holds every name, label and key."""
