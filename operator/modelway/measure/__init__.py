"""The only room that scrapes serving pods or asks Prometheus. Nothing raises: what went wrong is a sentence.

- ``scrape``      what pods report of themselves, as ``Report`` values
- ``prometheus``  the answer to a query, as a number
- ``golden``      golden requests to a pod, and its answers
- ``bounded``     one HTTP request, bounded in time and size
"""
