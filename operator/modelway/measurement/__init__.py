"""What the pods of a revision report about themselves: frozen values, and the one way to read them from a document.

- ``histogram``  latencies in buckets that grow by a tenth
- ``report``     the values: signature, counts, agreement of shadows
- ``document``   a pod's JSON as a ``Report``; a pod is not trusted, so everything is bounded
"""

from .document import parse_report
from .histogram import Histogram
from .report import Answered, Forwarded, OutputAgreement, Report, Shadow, Signature, Spread, Tensor

__all__ = [
    "Answered",
    "Forwarded",
    "Histogram",
    "OutputAgreement",
    "Report",
    "Shadow",
    "Signature",
    "Spread",
    "Tensor",
    "parse_report",
]
