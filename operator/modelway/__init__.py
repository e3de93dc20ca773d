"""Modelway's operator: observe the cluster, decide with plain functions, act with one apply.

The rooms, top to bottom; each imports only from those below it (import-linter holds it to that):

- ``cli``         ``modelway …`` and ``kubectl modelway …``; beside the operator's process, never in it
- ``handlers``    the watches that keep the store and put keys on the queue; the only file that imports kopf
- ``reconcile``   observe → decide → act for one object: the file to read first
- ``cluster``     the only room that talks to Kubernetes: observe reads a ``World``, act executes a ``Plan``
- ``measure``     the only room that scrapes serving pods or asks Prometheus
- ``decide``      pure: ``decide(world, now) -> Plan``
- ``manifests``   pure: one builder per kind; ``names.py`` holds every name, label and annotation key
- ``world``       the frozen values that every room shares
- ``measurement``  what a pod reports of itself, as frozen values
- ``api``         pydantic models of the custom resource: the source of the CRD, its defaults and its documentation
"""

__version__ = "0.1.0"
