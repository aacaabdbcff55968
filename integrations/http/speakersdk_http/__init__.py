"""The HTTP and WebSocket service of speakersdk; `speakersdk serve http` starts it."""
