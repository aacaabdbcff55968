import numpy as np
import pytest

from speakersdk.encoder.statistics_ring import NUM_WINDOWS, RECENT, SO_FAR, WINDOW, StatisticsRing

SIZE, WINDOW_HOPS, RECENT_HOPS = 6, 30, 12
DAY_HOPS = 24 * 36_000


def sums(ring: StatisticsRing) -> np.ndarray:
    filled = np.full((NUM_WINDOWS, SIZE), np.nan, np.float32)
    ring.fill(filled)
    return filled


@pytest.fixture
def ring() -> StatisticsRing:
    return StatisticsRing(SIZE, window_hops=WINDOW_HOPS, recent_hops=RECENT_HOPS)


def test_windows_are_the_sums_of_their_hops(ring: StatisticsRing, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(100, SIZE)).astype(np.float32)
    is_speech = rng.random(100) < 0.6
    for row, speech in zip(rows, is_speech, strict=True):
        if speech:
            ring.add(row, speech_frames=10)
        else:
            ring.skip()
    # The state before hop number 100: hops 71 to 99, the last 11 of speech, all speech.
    late = is_speech & (np.arange(100) > 100 - WINDOW_HOPS)
    expected = np.zeros((NUM_WINDOWS, SIZE))
    expected[WINDOW] = rows[late].sum(axis=0, dtype=np.float64)
    expected[SO_FAR] = rows[is_speech].sum(axis=0, dtype=np.float64)
    expected[RECENT] = rows[is_speech][-(RECENT_HOPS - 1) :].sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(sums(ring), expected, atol=1e-5)  # float32 sums of 60 values near 1
    assert ring.frames_so_far == 10 * is_speech.sum()
    assert ring.window_frames == 10 * is_speech[-WINDOW_HOPS:].sum()


def test_a_day_of_hops_drifts_no_further_than_float32(
    ring: StatisticsRing, rng: np.random.Generator
) -> None:
    # Sums of weights, of features and of their squares are positive and of different sizes.
    rows = rng.uniform(0.1, 50.0, size=(997, SIZE)).astype(np.float32)
    for hop in range(DAY_HOPS):
        ring.add(rows[hop % len(rows)], speech_frames=10)
    counts = np.bincount(np.arange(DAY_HOPS) % len(rows), minlength=len(rows))
    filled = sums(ring)
    so_far = counts @ rows.astype(np.float64)
    np.testing.assert_allclose(filled[SO_FAR], so_far, rtol=2**-23)  # one float32 rounding
    last = rows[(DAY_HOPS - np.arange(1, WINDOW_HOPS)) % len(rows)].sum(axis=0, dtype=np.float64)
    # 29 additions of positive float32 numbers.
    np.testing.assert_allclose(filled[WINDOW], last, rtol=29 * 2**-24)


def test_restart_drops_all_or_keeps_the_recent(ring: StatisticsRing) -> None:
    for hop in range(50):
        ring.add(np.full(SIZE, hop, np.float32), speech_frames=10)
    ring.restart(keep_hops=RECENT_HOPS)
    recent = sum(range(50 - RECENT_HOPS, 50))
    filled = sums(ring)
    np.testing.assert_array_equal(filled[WINDOW], recent)
    np.testing.assert_array_equal(filled[SO_FAR], recent)
    assert (ring.num_speech_hops, ring.frames_so_far) == (RECENT_HOPS, 10 * RECENT_HOPS)
    ring.restart()
    assert not sums(ring).any()
    assert (ring.num_speech_hops, ring.frames_so_far, ring.window_frames) == (0, 0, 0)


@pytest.mark.parametrize(("window_hops", "recent_hops"), [(30, 12), (12, 12), (1, 3), (5, 1)])
def test_any_course_of_speech_and_restarts_equals_new_sums(
    rng: np.random.Generator, window_hops: int, recent_hops: int
) -> None:
    ring = StatisticsRing(1, window_hops=window_hops, recent_hops=recent_hops)
    added: list[tuple[int, int]] = []  # hop, value: small whole numbers, whose sums are exact
    for hop in range(600):
        if rng.random() < 0.01:
            keep_hops = int(rng.integers(0, recent_hops + 1))
            ring.restart(keep_hops=keep_hops)
            added = added[len(added) - min(keep_hops, len(added)) :]
        if rng.random() < 0.6:
            value = int(rng.integers(1, 9))
            ring.add(np.array([value], np.float32), speech_frames=value)
            added.append((hop, value))
        else:
            ring.skip()
        filled = np.zeros((NUM_WINDOWS, 1), np.float32)
        ring.fill(filled)
        values = [value for _, value in added]
        coming = [value for at, value in added if at > hop + 1 - window_hops]
        assert filled[WINDOW] == sum(coming)
        assert filled[SO_FAR] == sum(values) == ring.frames_so_far
        assert filled[RECENT] == sum(values[len(values) - min(recent_hops - 1, len(values)) :])
        assert ring.num_speech_hops == len(values)
        assert ring.window_frames == sum(value for at, value in added if at > hop - window_hops)
