"""The numbers of leads in SCP-ECG (EN 1064, 5.6.3), which IEEE 11073 and DICOM also use."""

from __future__ import annotations

from melp.leads import LEADS

LEAD_CODES = {
    1: "I", 2: "II",
    **{3 + chest: f"V{chest + 1}" for chest in range(7)},
    **{8 + chest: f"V{chest}R" for chest in range(2, 8)},
    16: "X", 17: "Y", 18: "Z", 19: "CC5", 20: "CM5",
    **dict(zip(range(61, 65), LEADS[2:6], strict=True)),
    65: "-aVR", 66: "V8", 67: "V9", 68: "V8R", 69: "V9R", 70: "D", 71: "A", 72: "J",
    86: "ECG", 87: "CC1", 88: "CC2", 89: "CC3", 90: "CC4", 91: "CC6", 92: "CC7", 93: "CM1", 94: "CM2",
    131: "ES", 132: "AS", 133: "AI", 134: "S",
}  # fmt: skip
