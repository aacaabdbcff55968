"""LiveKit voice agents that listen only to enrolled people."""
