"""`modelserver fetch`: from a URI to a verified model directory. Imports neither onnxruntime nor numpy."""
