"""Other people's encoders: Resemblyzer itself, and published ones rebuilt for their speed."""
