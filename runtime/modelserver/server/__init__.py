"""The edges: HTTP/1.1 connections, the routes table, the life cycle from start to drained."""
