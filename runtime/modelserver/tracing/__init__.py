"""OpenTelemetry traces over OTLP/HTTP in JSON. Nothing but `sampling` is imported unless a collector is named."""
