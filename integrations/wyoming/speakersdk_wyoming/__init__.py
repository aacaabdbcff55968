"""The Wyoming service of speakersdk; `speakersdk serve wyoming` starts it."""
