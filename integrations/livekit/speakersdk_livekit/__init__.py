"""Voice agents of LiveKit that listen to enrolled people alone."""
