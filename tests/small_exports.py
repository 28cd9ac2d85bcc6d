"""A small recording, and obvious writers of it in the formats of devices."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melp.ecg import LEADS

RATE = 500
SAMPLES = 400


def steps() -> np.ndarray:
    """Return twelve leads as integers; III is II - I."""
    rng = np.random.default_rng(7)
    signal = np.cumsum(rng.integers(-9, 10, (12, SAMPLES)), axis=1)
    signal[2] = signal[1] - signal[0]
    return signal


def cardiosoft(
    signal: np.ndarray, leads: Sequence[str] = LEADS, parts: str = "", step: str = "4.88"
) -> bytes:
    waves = "".join(
        f'<WaveformData lead="{lead}">' + ",\n\t".join(map(str, row)) + "</WaveformData>"
        for lead, row in zip(leads, signal, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="ISO8859-1"?><CardiologyXML><PatientInfo><Name><FamilyName>Müller'
        '</FamilyName></Name><Age units="years">55</Age><Gender>FEMALE</Gender></PatientInfo>'
        "<Interpretation><Diagnosis><DiagnosisText>sinus rhythm</DiagnosisText></Diagnosis></Interpretation>"
        "<RestingECGMeasurements><MedianSamples><SampleRate>500</SampleRate>"
        '<WaveformData lead="I">1,2,3</WaveformData></MedianSamples></RestingECGMeasurements>'
        f'{parts}<StripData><SampleRate units="Hz">{RATE}</SampleRate>'
        f"<ChannelSampleCountTotal>{signal.shape[1]}</ChannelSampleCountTotal>"
        f'<Resolution units="uVperLsb">{step}</Resolution>{waves}</StripData></CardiologyXML>'
    ).encode("latin-1")


def full_disclosure(signal: np.ndarray, leads: Sequence[str]) -> bytes:
    """Write a stress test: the samples of one moment follow one another."""
    return (
        f"<CardiologyXML><FullDisclosure><NumberOfChannels>{len(leads)}</NumberOfChannels>"
        f'<SampleRate units="Hz">{RATE}</SampleRate><Resolution units="uVperLsb">5</Resolution>'
        f"<LeadOrder>{', '.join(leads)}</LeadOrder>"
        f"<FullDisclosureData>{','.join(map(str, signal.T.ravel()))},</FullDisclosureData>"
        "</FullDisclosure></CardiologyXML>"
    ).encode()


def sapphire(signal: np.ndarray, schema: str = "dcar_1") -> bytes:
    def group(rows: np.ndarray) -> str:
        leads = "".join(
            f'<ecgWaveform lead="{lead.upper()}" asizeVT="{rows.shape[1]}" U="uV" S="4.88" '
            f'V="{" ".join(map(str, row))}"/>'
            for lead, row in zip(LEADS, rows, strict=True)
        )
        return f'<ecgWaveformMXG><sampleRate V="{RATE}" U="Hz"/>{leads}</ecgWaveformMXG>'

    return (
        f'<?xml version="1.0"?><sapphire xmlns="urn:ge:sapphire:{schema}"><dcarRecord><patientInfo>'
        '<name><given V="Anna"/></name><gender V="FEMALE"/><age V="30" U="mo"/>'
        "<visit><order><ecgResting><params>"
        f"<ecg><var><medianTemplate>{group(signal[:, :90])}</medianTemplate></var><wav>{group(signal)}</wav>"
        '<interpretation><statement><text V="Normal sinus rhythm"/></statement></interpretation></ecg>'
        "</params></ecgResting></order></visit></patientInfo></dcarRecord></sapphire>"
    ).encode()


def kardia(
    signal: np.ndarray, checksum: Callable[[bytes], int] = zlib.crc32, rate: int = 300, step: int = 500
) -> bytes:
    """Write ATC by the specification; steps of 500 nV."""

    def block(name: bytes, content: bytes) -> bytes:
        whole = name + struct.pack("<I", len(content)) + content
        return whole + struct.pack("<I", checksum(whole))

    names = [b"ecg ", *(b"ecg%x" % number for number in range(2, 13))]
    leads = [block(name, row.astype("<i2").tobytes()) for name, row in zip(names, signal, strict=False)]
    layout = struct.pack("<BHHBH", 1, rate, step, 14, 0)
    blocks = [block(b"info", b"2020-01-01".ljust(264, b"\0")), block(b"fmt ", layout), *leads]
    return b"ALIVE\0\0\0" + struct.pack("<I", 3) + b"".join(blocks) + block(b"avg ", bytes(90))


WATCH = {
    "en": ("Name,\"Ann\"\nDate of Birth,\"1 Jan 1970\"\nRecorded Date,2020-01-01 10:00:00 +0100\n"
           "Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.70\nDevice,\"Watch6,1\"\n"
           "Sample Rate,512 hertz\n\nLead,Lead I\nUnit,µV\n\n"),
    "de": ("Name,\"Ann\"\nGeburtsdatum,01.01.1970\nAufzeichnungsdatum,2020-01-01 10:00:00 +0100\n"
           "Klassifizierung,Sinusrhythmus\nSymptome,\nSoftwareversion,1.70\nGerät,\"Watch6,1\"\n"
           "Messrate,\"511,498 Hertz\"\n\nAbleitung,Ableitung I\nEinheit,µV\n\n"),
    "ja": ("名前,\"Ann\"\n記録日,2020-01-01\n分類,洞調律\n"
           "サンプルレート,513.5 ヘルツ\n\n誘導,第I誘導\n単位,µV\n\n"),
}  # fmt: skip


def watch(signal: np.ndarray, language: str, decimal: str = ".") -> bytes:
    lines = (f"{value:.3f}".replace(".", decimal) for value in signal)
    return (WATCH[language] + "\n".join(lines) + "\n").encode()


def table(
    signal: np.ndarray,
    separator: str = ",",
    decimal: str = ".",
    names: Sequence[str] = LEADS,
    unit: str = " (uV)",
    time: str | None = "time",
    times: Callable[[int], Any] = lambda sample: f"{sample / RATE:.3f}",
) -> str:
    """Write a table with a column for each lead and, if it has a name, one of times."""
    header = [*([] if time is None else [time]), *(name + unit for name in names)]
    rows = [header]
    for sample in range(signal.shape[1]):
        cells = [] if time is None else [str(times(sample))]
        cells += [str(value) for value in signal[:, sample].tolist()]
        rows.append([cell.replace(".", decimal) for cell in cells])
    return "\n".join(separator.join(row) for row in rows)
