"""The custom resource's models: the one source of the CRD's schema, defaults, rules and documentation.

``resource.Spec`` is what a user writes, ``status.Status`` what we answer; ``schema`` and ``crd`` make the CRD of both,
``reference`` its page for people.
"""
