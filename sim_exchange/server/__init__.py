"""The carrier: one ASGI app with REST, the realtime socket and the admin interface, on one port."""
