"""Write small recordings in the formats of devices, by other packages where they can."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np

from melp.ecg import LEADS
from small_ptb_xl import beats

RATE, SAMPLES = 500, 600
SCP_CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True)) | {"V3R": 11, "V7": 9}


def microvolt(seed: int = 3) -> np.ndarray:
    """Twelve leads in whole microvolts, int16."""
    return beats(seed, RATE, SAMPLES / RATE)


def dicom(
    groups: Sequence[tuple[str, np.ndarray]] | None = None,
    syntax: str = "1.2.840.10008.1.2.1",
    names: Sequence[str] = LEADS,
    unit: str = "uV",
    padding: int | None = None,
    **tags: object,
) -> bytes:
    """A DICOM file by pydicom; each group of channels has a label and int16 samples in microvolts."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items

    little = syntax != "1.2.840.10008.1.2.2"
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.3"
    data.PatientName, data.PatientBirthDate, data.PatientSex, data.PatientAge = (
        "Doe^Jo",
        "19700101",
        "F",
        "042Y",
    )
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "ECG", "Maker", "One"
    data.update({name: value for name, value in tags.items() if not name.startswith("group_")})
    waveforms = []
    for label, values in groups or (("RHYTHM", microvolt()),):
        group = Dataset()
        group.MultiplexGroupLabel, group.WaveformOriginality = label, "ORIGINAL"
        group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = values.shape
        group.SamplingFrequency, group.WaveformBitsAllocated, group.WaveformSampleInterpretation = (
            RATE,
            16,
            "SS",
        )
        group.ChannelDefinitionSequence = Items(channel(name, unit) for name in names[: len(values)])
        group.WaveformData = values.T.astype("<i2" if little else ">i2").tobytes()
        group["WaveformData"].VR = "OW"
        if padding is not None:
            group.WaveformPaddingValue = struct.pack("<h" if little else ">h", padding)
            group["WaveformPaddingValue"].VR = "OW"
        waveforms.append(group)
    data.WaveformSequence = Items(waveforms)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = (
        data.SOPClassUID,
        "1.2.3",
    )
    stream = BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def channel(name: str, unit: str) -> object:
    """The definition of a channel with 1 `unit` a bit; without unit if that is empty."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    source, one, units = Dataset(), Dataset(), Dataset()
    source.CodeValue = f"5.6.3-9-{SCP_CODES[name]}" if name in SCP_CODES else name
    source.CodingSchemeDesignator, source.CodeMeaning = "SCPECG", f"Lead {name}"
    one.ChannelSourceSequence = Items([source])
    one.ChannelSampleSkew, one.WaveformBitsStored = "0", 16
    if unit:
        units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
        one.ChannelSensitivity, one.ChannelSensitivityCorrectionFactor, one.ChannelBaseline = "1", "1", "0"
        one.ChannelSensitivityUnitsSequence = Items([units])
    return one


def edf(
    folder: Path,
    labels: Sequence[str] = LEADS,
    values: np.ndarray | None = None,
    units: Sequence[str] = (),
    rates: Sequence[int] = (),
    plus: bool = True,
) -> bytes:
    """An EDF or EDF+ file by pyedflib, with 1 microvolt a bit."""
    import pyedflib

    values = microvolt() if values is None else values
    kind = pyedflib.FILETYPE_EDFPLUS if plus else pyedflib.FILETYPE_EDF
    path = folder / "written.edf"
    with pyedflib.EdfWriter(str(path), len(labels), file_type=kind) as file:
        for number, label in enumerate(labels):
            unit = units[number] if units else "uV"
            file.setSignalHeader(
                number,
                {
                    "label": label, "dimension": unit, "sample_frequency": rates[number] if rates else RATE,
                    "physical_min": -32768, "physical_max": 32767,
                    "digital_min": -32768, "digital_max": 32767,
                    "transducer": "", "prefilter": "",
                },
            )  # fmt: skip
        file.setDatarecordDuration(0.2)
        if plus:
            file.setPatientName("Jo Doe")
            file.setSex(0)
            file.setEquipment("Maker One")
            file.writeAnnotation(0.1, -1, "a mark")
        file.writeSamples(
            [
                row[: SAMPLES * (rates[n] if rates else RATE) // RATE].astype(float)
                for n, row in enumerate(values)
            ]
        )
    return path.read_bytes()


def ishne(folder: Path, codes: Sequence[int] = range(5, 17), block: bytes = b"variable block") -> bytes:
    """An ISHNE file by ishneholterlib, with 1000 nV a bit."""
    from ishneholterlib import Holter, Lead

    path = folder / "written.ecg"
    path.unlink(missing_ok=True)
    holter = object.__new__(Holter)
    vars(holter).update(
        filename=str(path), file_version=1, first_name="Jo", last_name="Doe", id="7", sex=2, race=1,
        birth_date=None, record_date=None, start_time=None, pm=-9, recorder_type=b"digital", sr=RATE,
        proprietary="", copyright="",
        reserved="", var_block=block, lead=[],
    )  # fmt: skip
    for code, row in zip(codes, microvolt(), strict=False):
        lead = Lead(code, -9, 1000)
        lead.save_data(row.astype("<i2"), convert=False)
        holter.lead.append(lead)
    holter.write_file(convert_data=False)
    return path.read_bytes()


AECG = """<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject><subjectDemographicPerson>
<name>Jo Doe</name><administrativeGenderCode code="F"/><birthTime value="19700101"/>
</subjectDemographicPerson></trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
{series}
</AnnotatedECG>
"""


def aecg_set(
    values: np.ndarray,
    leads: Sequence[str] = LEADS,
    step: str = "0.002",
    unit: str = ' unit="uV"',
    start: str = "0",
) -> str:
    """A set of sequences with 1 `unit` a digit."""
    time = f'<head value="{start}" unit="s"/><increment value="{step}" unit="s"/>'
    time = f'<code code="TIME_RELATIVE"/><value xsi:type="GLIST_PQ">{time}</value>'
    sequences = [f"<component><sequence>{time}</sequence></component>"]
    for lead, row in zip(leads, values, strict=False):
        value = f'<origin value="0"{unit}/><scale value="1"{unit}/><digits>{" ".join(map(str, row))}</digits>'
        code = f'<code code="MDC_ECG_LEAD_{lead.upper()}"/>'
        sequences.append(f"<component><sequence>{code}<value>{value}</value></sequence></component>")
    return f"<component><sequenceSet>{''.join(sequences)}</sequenceSet></component>"


def aecg_series(*sets: str, code: str = "RHYTHM", further: str = "") -> str:
    """A series of sets of sequences."""
    return f'<component><series><code code="{code}"/>{"".join(sets)}{further}</series></component>'


def aecg(series: str | None = None) -> bytes:
    """An HL7 aECG."""
    return AECG.format(series=series or aecg_series(aecg_set(microvolt()))).encode()


def huffman(values: Sequence[int]) -> str:
    """The bits of values in the default table of SCP-ECG."""
    bits = ""
    for value in values:
        if value == 0:
            bits += "0"
        elif abs(value) <= 8:
            bits += "1" * abs(value) + "0" + ("1" if value < 0 else "0")
        elif -128 <= value < 128:
            bits += "1111111110" + f"{value & 0xFF:08b}"
        else:
            bits += "1111111111" + f"{value & 0xFFFF:016b}"
    return bits


def scp_lead(values: Sequence[int], order: int = 0, coded: bool = True) -> bytes:
    """The bytes of a lead: its differences of an order, in Huffman codes or as integers."""
    stored = [int(value) for value in values]
    for _ in range(order):
        stored = stored[:1] + [b - a for a, b in pairwise(stored)]
    if order == 2 and len(stored) > 1:  # the first two are samples, not differences
        stored[1] = int(values[1])
    if not coded:
        return struct.pack(f"<{len(stored)}h", *stored)
    bits = huffman(stored)
    bits += "0" * (-len(bits) % 16)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def scp_section(number: int, content: bytes) -> bytes:
    """A section with its header and checksum."""
    content += b"\0" * (len(content) % 2)
    rest = (
        struct.pack("<HIBB6s", number, len(content) + 16, 20, 20, b"SCPECG" if number == 0 else b"") + content
    )
    return struct.pack("<H", crc_hqx(rest, 0xFFFF)) + rest


def scp_signals(
    rows: Sequence[Sequence[int]], step: int, order: int = 0, bimodal: bool = False, coded: bool = True
) -> bytes:
    """The content of section 5 or 6, with 1000 nV a bit."""
    leads = [scp_lead(row, order, coded) for row in rows]
    sizes = struct.pack(f"<{len(leads)}H", *map(len, leads))
    return struct.pack("<HHBB", 1000, step, order, bimodal) + sizes + b"".join(leads)


def scp_file(sections: dict[int, bytes]) -> bytes:
    """A file of sections."""
    parts = {number: scp_section(number, content) for number, content in sorted(sections.items())}
    pointers, start = b"", 6 + 16 + 12 * 10
    for number in range(12):
        part = b"" if number == 0 else parts.get(number, b"")
        length = 136 if number == 0 else len(part)
        pointers += struct.pack("<HII", number, length, 7 if number == 0 else start + 1 if part else 0)
        start += len(part)
    body = scp_section(0, pointers) + b"".join(parts.values())
    rest = struct.pack("<I", len(body) + 6) + body
    return struct.pack("<H", crc_hqx(rest, 0xFFFF)) + rest


def scp_leads(leads: Sequence[str], length: int = SAMPLES, flags: int = 4) -> bytes:
    """The content of section 3."""
    return struct.pack("<BB", len(leads), flags) + b"".join(
        struct.pack("<IIB", 1, length, SCP_CODES[lead]) for lead in leads
    )


def scp(leads: Sequence[str] = LEADS, order: int = 2, coded: bool = True, step: int = 2000) -> bytes:
    """A file of SCP-ECG in the usual form, with age and sex beside a name."""
    rows = [microvolt()[LEADS.index(lead) if lead in LEADS else 0] for lead in leads]
    patient = b"\0\4\0Doe\0" + b"\4\3\0" + struct.pack("<HB", 42, 1) + b"\x08\1\0\2" + b"\xff\0\0"
    sections = {1: patient, 3: scp_leads(leads), 6: scp_signals(rows, step, order, coded=coded)}
    return scp_file(sections | ({2: struct.pack("<H", 19999)} if coded else {}))


def definition(tag: int, value: bytes, channel: int | None = None) -> bytes:
    """A definition of MFER."""
    if channel is not None:
        value = definition(tag, value)
        return bytes([0x3F, channel, len(value)]) + value
    length = bytes([len(value)]) if len(value) < 128 else b"\x84" + len(value).to_bytes(4, "big")
    return bytes([tag]) + length + value


def mfer(
    values: np.ndarray | None = None,
    little: bool = True,
    block: int = 1,
    preamble: bool = True,
    codes: Sequence[int] | None = None,
) -> bytes:
    """An MFER file with 1 microvolt a bit; samples of a channel come in blocks."""
    values = microvolt() if values is None else values
    order = "<" if little else ">"
    sequences = values.shape[1] // block
    stored = values[:, : sequences * block].reshape(len(values), sequences, block).transpose(1, 0, 2)
    codes = [SCP_CODES[lead] for lead in LEADS[: len(values)]] if codes is None else codes
    return b"".join(
        (
            definition(0x40, b"MFR Standard 12 leads ECG".ljust(32)) if preamble else b"",
            definition(0x01, b"\1" if little else b"\0"),
            definition(0x17, b"Maker^One^1^7"),
            definition(0x81, b"Doe^Jo"),
            definition(0x83, bytes([42, 0, 0]) + struct.pack(order + "HBB", 1970, 1, 1)),
            definition(0x84, b"\2"),
            definition(0x08, struct.pack(order + "H", 1)),
            definition(0x0B, b"\0\0" + struct.pack(order + "H", RATE)),
            definition(0x0C, b"\0" + struct.pack("b", -6) + struct.pack(order + "H", 1)),
            definition(0x05, bytes([len(values)])),
            definition(0x04, struct.pack(order + "I", block)),
            definition(0x06, struct.pack(order + "I", sequences)),
            definition(0x0A, b"\0"),
            *(
                definition(0x09, struct.pack(order + "H", code), channel)
                for channel, code in enumerate(codes)
            ),
            definition(0x1E, stored.astype(order + "i2").tobytes()),
            definition(0x80, b""),
        )
    )


def without_file_meta(content: bytes) -> bytes:
    """A DICOM file without preamble and without the elements of group 2, as old systems store it."""
    (length,) = struct.unpack_from("<I", content, 140)
    return content[144 + length :]


def without_checksums(content: bytes) -> bytes:
    """A file of SCP-ECG whose sections have no checksums, so that damage reaches what they hold."""
    changed = bytearray(content)
    for position in range(22, 142, 10):
        _, length, index = struct.unpack_from("<HII", content, position)
        if length:
            changed[index - 1 : index + 1] = b"\0\0"
    return bytes(changed)


def scp_reference(triggers: Sequence[int] = (150, 350, 500)) -> bytes:
    """A file of SCP-ECG with leads I and II, from which a reference beat is subtracted."""
    rows = microvolt()[:2].astype(int)
    reference, fiducial = rows[:, 100:200], 50  # counted from 1, as the triggers
    rest, beats, zones = rows.copy(), b"", b""
    for trigger in triggers:
        first, last = trigger - fiducial + 1, trigger - fiducial + 100
        rest[:, first - 1 : last] -= reference
        beats += struct.pack("<HIII", 0, first, trigger, last)
        zones += struct.pack("<II", trigger - 20, trigger + 20)
    return scp_file(
        {
            2: struct.pack("<H", 19999),
            3: scp_leads(("I", "II"), flags=5),
            4: struct.pack("<HHH", 200, fiducial, len(triggers)) + beats + zones,
            5: scp_signals(list(reference), 2000, 2),
            6: scp_signals(list(rest), 2000, 2),
        }
    )
