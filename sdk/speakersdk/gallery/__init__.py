"""Search of one voice among many."""
