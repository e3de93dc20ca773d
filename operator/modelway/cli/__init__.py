"""``modelway …`` and ``kubectl modelway …``: what people ask of a rollout, and tell it.

- ``app``         the table of commands; they are in ``looking``, ``changing`` and ``checking``, and each reads, asks a
                  view, and shows what it says
- ``options``     what all commands take, and how their errors end them
- ``completion``  what kubectl's completion asks of a plugin
- ``connection``  which cluster, whose identity, which namespace
- ``reading``     what the API server holds about one ModelDeployment, as a ``Seen``
- ``following``   the same again whenever something changed, for ``get --watch``
- ``seen``        that value, and small questions about it
- ``view``        pure: documents in, values and lines out; every sentence that people read is made there
- ``acting``      the writes: a verb's annotation, ``undo``'s patch; each waits for its answer
- ``trying``      ``plan``: dry runs, and the operator's own ``decide`` on what came of them
- ``manifests``   files with ModelDeployments, and which line a field stands on
- ``show``        tables, trees, JSON and YAML, for terminals and for pipes
"""
