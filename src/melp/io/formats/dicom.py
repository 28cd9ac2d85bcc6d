"""DICOM waveforms: 12-lead, general and ambulatory ECG (DICOM PS3.3, C.10.9)."""

from __future__ import annotations

import re
import struct
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Num

from melp.ecg import ECG
from melp.io.lead_codes import LEAD_CODES
from melp.io.recording import Channel, age_and_sex, most_samples, to_ecg
from melp.io.source import Source
from melp.io.values import in_millivolt

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NAME = "DICOM"
ENDINGS = (".dcm",)
NEEDS = "pydicom"

# Other tags, such as names and dates, are not read.
_TAGS = [
    "SOPClassUID", "Modality", "Manufacturer", "ManufacturerModelName", "PatientSex", "PatientAge",
    "SpecificCharacterSet", "WaveformSequence", "WaveformAnnotationSequence",
]  # fmt: skip
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_SAMPLES = {
    (8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "i2", (16, "US"): "u2", (32, "SL"): "i4", (32, "UL"): "u4",
}  # fmt: skip
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def matches(source: Source) -> bool:
    """Return whether the file has the preamble of DICOM, or begins with an element of group 2 or 8."""
    head = source.head
    if head[128:132] == b"DICM":
        return True
    if head[:2] not in (b"\x08\0", b"\0\x08", b"\x02\0") or len(head) < 16:
        return False
    if re.fullmatch(rb"[A-Z]{2}", head[4:6]):
        return True
    # Without the kind of value, its length comes next, and after the value the next element of the group.
    element, length = struct.unpack_from("<HI", head, 2)
    return element < 0x100 and length < 0x100 and head[8 + length : 10 + length] == head[:2]


def read(source: Source) -> ECG:
    """Read the rhythm; of several groups of channels that with most samples.

    Raises:
        BadRecordError: there are no waveforms, or they cannot be read.
    """
    from pydicom import dcmread
    from pydicom.config import disable_value_validation

    if _DEFLATED in source.head[:1024]:
        raise source.error("a deflated DICOM file found, wanted an uncompressed one")
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        data = dcmread(BytesIO(source.data), force=True, specific_tags=_TAGS)
        groups = _rhythm(source, data)
        big = data.original_encoding[1] is False
        sets = [_channels(source, group, big) for group in groups]
        meta = _meta(source, data)
    key, channels = most_samples(source, sets)
    return to_ecg(source, channels, source.sampling_rate(key[0]), **meta)


def _rhythm(source: Source, data: Dataset) -> list[Dataset]:
    """Return the groups of channels that are neither of median beats nor derived from others."""
    groups = list(data.get("WaveformSequence") or ())
    if not groups:
        modality = re.match("[A-Z]*", str(data.get("Modality") or ""))
        kind = "PDF" if data.get("SOPClassUID") == _PDF else (modality and modality[0]) or "nothing"
        raise source.error(f"{kind} in DICOM found, wanted the waveforms of an ECG", "no samples")
    labels = [str(group.get("MultiplexGroupLabel") or "").upper() for group in groups]
    rhythms = [group for group, label in zip(groups, labels, strict=True) if "RHYTHM" in label]
    others = [
        group
        for group, label in zip(groups, labels, strict=True)
        if not re.search("MEDIAN|BEAT|TEMPLATE", label)
    ]
    chosen = rhythms or others
    originals = [group for group in chosen if group.get("WaveformOriginality") != "DERIVED"]
    if not chosen:
        raise source.error(f"only {', '.join(labels)[:100]!a} found, wanted the rhythm", "no samples")
    return originals or chosen


def _channels(
    source: Source, group: Dataset, big_endian: bool
) -> tuple[tuple[float | None, int, float], list[Channel]]:
    """Return rate, samples and start of a group, and its channels of voltage in mV."""
    values, definitions = _values(source, group, big_endian), group.get("ChannelDefinitionSequence") or ()
    if len(definitions) != len(values):
        raise source.error(f"{len(definitions)} definitions of {len(values)} channels found")
    channels: list[Channel] = []
    for definition, row in zip(definitions, values, strict=True):
        name = _name(definition, len(channels))
        unit = _code(definition, "ChannelSensitivityUnitsSequence", "CodeValue")
        if unit and in_millivolt(unit) is None:
            source.warnings.append(f"channel {name} in {unit[:20]} left out")
        else:
            channels.append((name, _millivolt(source, definition, row, unit)))
    rate = group.get("SamplingFrequency")
    start = float(group.get("MultiplexGroupTimeOffset") or 0)
    return (float(rate) if rate else None, values.shape[1], start), channels


def _values(source: Source, group: Dataset, big_endian: bool) -> Num[np.ndarray, "channel time"]:
    """Return the samples of a group as floats; what is padding is NaN."""
    bits, kind = group.get("WaveformBitsAllocated"), group.get("WaveformSampleInterpretation")
    dtype = _SAMPLES.get((bits, kind))
    if dtype is None:
        raise source.error(f"samples of {bits} bits and kind {kind} found, wanted integers")
    data = group.get("WaveformData") or b""
    count, samples = (group.get(f"NumberOfWaveform{name}") or 0 for name in ("Channels", "Samples"))
    size = np.dtype(dtype).itemsize
    if len(data) < count * samples * size or not count:
        found = len(data) // (size * max(count, 1))
        raise source.error(f"{found} samples of {count} channels found, wanted {samples}", "truncated")
    order = ">" if big_endian else "<"
    values = np.frombuffer(data, order + dtype, count * samples).reshape(samples, count).T
    padding = group.get("WaveformPaddingValue")
    limits = np.iinfo(dtype)
    # Devices write a padding of 0 although their zeros are samples.
    if isinstance(padding, bytes) and len(padding) == size:
        padding = int(np.frombuffer(padding, order + dtype)[0])
    if padding in (limits.min, limits.max) and padding:
        return np.where(values == padding, np.nan, values)
    return values


def _millivolt(
    source: Source, definition: Dataset, row: Num[np.ndarray, " time"], unit: str
) -> Float[np.ndarray, " time"]:
    sensitivity = definition.get("ChannelSensitivity")
    correction = definition.get("ChannelSensitivityCorrectionFactor")
    gain = (1.0 if sensitivity is None else float(sensitivity)) * (
        1.0 if correction is None else float(correction)
    )
    offset = float(definition.get("ChannelBaseline") or 0)
    # The unit is that of the sensitivity: without one the samples have no unit.
    factor = source.millivolt(unit if sensitivity is not None else None)
    return (row * gain + offset) * factor


def _name(definition: Dataset, number: int) -> str:
    """Return the name of a channel: by its code, else by the words for it."""
    code = _code(definition, "ChannelSourceSequence", "CodeValue")
    words = _code(definition, "ChannelSourceSequence", "CodeMeaning") or str(
        definition.get("ChannelLabel") or ""
    )
    # 5.6.3-9-1 of SCP-ECG, 2:1 of IEEE 11073; also 5.6.3-9-00.
    numbered = re.fullmatch(r"(?:5\.6\.3-9-|2:)(\d+)", code.strip())
    if numbered and int(numbered[1]) in LEAD_CODES:
        return LEAD_CODES[int(numbered[1])]
    if code.upper().startswith("MDC_ECG"):
        return code
    # "Lead I (Einthoven)", "Lead aVR"
    return re.sub(r"\(.*?\)", "", words).strip() or f"channel {number + 1}"


def _code(data: Dataset, sequence: str, field: str) -> str:
    items = data.get(sequence)
    return str(items[0].get(field) or "") if items else ""


def _meta(source: Source, data: Dataset) -> dict[str, object]:
    items = data.get("WaveformAnnotationSequence") or ()
    statements = tuple(str(item.get("UnformattedTextValue") or "") for item in items)
    maker, model = (str(data.get(name) or "") for name in ("Manufacturer", "ManufacturerModelName"))
    age = re.fullmatch(r"(\d{1,3})([YMWD])", str(data.get("PatientAge") or "").strip())
    years = f"{int(age[1]) * _YEARS[age[2]]:.4g}" if age else ""
    patient = age_and_sex(years, str(data.get("PatientSex") or ""))
    return {"statements": statements, "device": f"{maker} {model}".strip()} | patient
