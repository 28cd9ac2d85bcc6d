"""What is doubtful about a recording."""

from __future__ import annotations

from melp.data.quality import signal_flags
from melp.ecg import ECG
from melp.hub import Model
from melp.lead_order import check_lead_order
from melp.leads import LEADS, available_leads

__all__ = ["describe_doubts", "doubts"]


def doubts(model: Model, ecg: ECG) -> dict[str, str]:
    """Return the flags that a build would give to a recording, with a description that may be empty.

    They are those of the window that the model sees (see `melp.data.quality`).
    """
    missing = ecg.meta.get("missing_leads", ())
    ecg = ecg.select([lead for lead in available_leads(ecg.leads) if lead not in missing])
    flags = signal_flags(ecg, model.preprocessing.seconds)
    details = {
        "missing leads": f"{', '.join(missing)}: 0 mV",
        "checksum": f"lead {', '.join(ecg.meta.get('checksum', ()))}",
        "derived leads": ", ".join(ecg.meta.get("derived", ())),
        "missing seconds": f"{ecg.seconds:.3g} s, wanted {model.preprocessing.seconds:g}",
        "flat lead": ", ".join(
            lead for lead, low, high in zip(ecg.leads, *ecg.extent, strict=True) if low == high
        ),
    }
    if ecg.leads == LEADS:
        order = "; ".join(check_lead_order(ecg))
        details |= {"lead order": order, "lead swap": order}
    return {flag: details.get(flag, "") for flag in [*(["missing leads"] if missing else []), *flags]}


def describe_doubts(model: Model, ecg: ECG) -> str:
    """Return the doubts about a recording, and the warnings of its reader, as one line; "" for none."""
    flags = [flag + (f" ({detail})" if detail else "") for flag, detail in doubts(model, ecg).items()]
    return "; ".join([*flags, *ecg.meta.get("warnings", ())])
