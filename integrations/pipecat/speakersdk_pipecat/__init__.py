"""Voice agents of Pipecat that listen to enrolled people alone."""
