"""Pure: no client, clock, file, log or chance. ``plan.decide(world, now)`` says what shall be done; start there.

- ``situation``   what the world means: which revision serves, which one comes up
- ``rollout``     the stages of an update, as a table
- ``gates``       what a candidate must pass before it meets traffic: ``signature``, ``golden``, ``golden_cases``
- ``steps``       where it stands on its way, and what the step asks for; ``advance`` goes one step forward
- ``traffic``     who answers which requests: the document, and whether the pods have read it
- ``judgement``   which checks apply and how often they may fail; ``checks`` and what it stands on judge one look
- ``verbs``       what a person asks for with an annotation
- ``measuring``   what must be known for the next decision
- ``cause``       why a candidate is given up
- ``revision``    the hash, and what the ControllerRevisions remember
- ``capacity``    how many pods are needed and how many are ready
- ``digests``     every pod of a revision serves the same bytes
- ``diagnosis``   why a pod is not ready, in words that a person can act on
- ``desired``     the children that shall exist
- ``scaling``     whose the number of pods is
- ``difference``  what must be written so that they do
- ``retire``      what must go
- ``checks``      what pods report, held against limits: ``metrics`` reads, ``evidence`` weighs, ``finding`` tells
- ``signature``   may the candidate take stable's place as far as its inputs and outputs go?
- ``golden``      the verdict on golden requests; ``golden_cases`` reads them
- ``conditions``, ``status``, ``progress``, ``summary``, ``events``   what is told
"""
