"""The only room that talks to Kubernetes: ``observe`` reads a ``World`` out of the store, ``act`` executes a ``Plan``.

- ``kinds``        the table of kinds: group, version, plural
- ``credentials``  whose identity: the pod's service account, or a kubeconfig
- ``client``       one HTTP session, bytes in and bytes out
- ``lean``         takes in the watches' events on their way to kopf, without the echo of our own writes
- ``records``      what is kept of an object: fields, not objects
- ``store``        everything the watches and our own writes have shown, in resourceVersion order
- ``census``       is the store complete? asked once at start, and after a watch had to start anew
- ``observe``      the store's fields of one ModelDeployment as a ``World``
- ``act``          a ``Plan``'s writes, one after the other
- ``events``       events.k8s.io/v1, aggregated and bounded, beside the writes
- ``lease``        who leads: the pure step; ``election`` does its I/O
"""
