"""The words of the reports: for each finding what a machine prints, and what a doctor writes.

A finding's first phrase is a noun, to which a hedge can be put.
"""

from __future__ import annotations

Phrases = tuple[tuple[str, ...], tuple[str, ...]]  # a machine's, a doctor's

SINUS: Phrases = (("sinus rhythm", "normal sinus rhythm"), ("sinus rhythm", "regular sinus rhythm"))

PHRASES: dict[str, Phrases] = {
    "STACH": (
        ("sinus tachycardia",),
        ("sinus tachycardia", "tachycardic sinus rhythm", "rapid sinus rhythm"),
    ),
    "SBRAD": (("sinus bradycardia",), ("sinus bradycardia", "bradycardic sinus rhythm", "slow sinus rhythm")),
    "SARRH": (
        ("sinus arrhythmia",),
        ("sinus arrhythmia", "respiratory sinus arrhythmia", "irregular sinus rhythm"),
    ),
    "AFIB": (
        ("atrial fibrillation", "atrial fibrillation, absolute arrhythmia"),
        (
            "atrial fibrillation",
            "absolute arrhythmia in atrial fibrillation",
            "irregular rhythm without p waves",
        ),
    ),
    "AFLT": (
        ("atrial flutter", "typical atrial flutter"),
        ("atrial flutter", "atrial flutter with block", "sawtooth flutter waves"),
    ),
    "PACE": (
        ("pacemaker rhythm", "ventricular pacing", "electronic ventricular pacemaker"),
        ("paced rhythm", "ventricular paced rhythm", "pacemaker with ventricular stimulation"),
    ),
    "1AVB": (
        ("first degree av block", "av block i", "prolonged pr interval"),
        ("first degree av block", "first degree atrioventricular block", "pr interval is prolonged"),
    ),
    "2AVB_I": (
        ("second degree av block, mobitz i", "second degree av block, wenckebach type"),
        ("second degree av block with wenckebach periods", "wenckebach av block", "second degree av block"),
    ),
    "2AVB_II": (
        ("second degree av block, mobitz ii", "second degree av block"),
        (
            "second degree av block, type mobitz ii",
            "mobitz ii av block",
            "second degree av block with dropped beats",
        ),
    ),
    "3AVB": (
        ("third degree av block", "complete av block", "complete heart block"),
        (
            "complete heart block",
            "third degree av block with escape rhythm",
            "av dissociation, complete av block",
        ),
    ),
    "CLBBB": (
        ("left bundle branch block", "complete left bundle branch block"),
        ("left bundle branch block", "complete left bundle branch block", "lbbb"),
    ),
    "CRBBB": (
        ("right bundle branch block", "complete right bundle branch block"),
        ("right bundle branch block", "complete right bundle branch block", "rbbb"),
    ),
    "LAFB": (
        ("left anterior fascicular block", "left anterior hemiblock"),
        ("left anterior hemiblock", "left anterior fascicular block", "block of the left anterior fascicle"),
    ),
    "LPFB": (
        ("left posterior fascicular block", "left posterior hemiblock"),
        (
            "left posterior hemiblock",
            "left posterior fascicular block",
            "block of the left posterior fascicle",
        ),
    ),
    "WPW": (
        ("wolff-parkinson-white syndrome", "ventricular preexcitation", "wpw pattern"),
        ("preexcitation, wpw syndrome", "wolff-parkinson-white pattern", "short pr interval with delta wave"),
    ),
    "LVH": (
        ("left ventricular hypertrophy", "left ventricular hypertrophy with strain"),
        ("left ventricular hypertrophy", "voltages meet criteria for left ventricular hypertrophy"),
    ),
    "RVH": (
        ("right ventricular hypertrophy", "right ventricular hypertrophy with strain"),
        ("right ventricular hypertrophy", "signs of right heart strain and hypertrophy"),
    ),
    "AMI": (
        (
            "old anterior myocardial infarction",
            "anterior infarct, old",
            "anteroseptal infarct, age undetermined",
        ),
        ("old anterior myocardial infarction", "previous anterior infarction", "anterior scar"),
    ),
    "IMI": (
        ("old inferior myocardial infarction", "inferior infarct, old", "inferior infarct, age undetermined"),
        ("old inferior myocardial infarction", "previous inferior infarction", "inferior scar"),
    ),
    "LMI": (
        ("old lateral myocardial infarction", "lateral infarct, old", "lateral infarct, age undetermined"),
        ("old lateral myocardial infarction", "previous lateral infarction", "lateral scar"),
    ),
    "STEMI_ANT": (
        ("acute anterior myocardial infarction", "anterior st elevation, acute infarct"),
        (
            "acute anterior st elevation myocardial infarction",
            "st elevation in v1-v4",
            "acute anterior injury",
        ),
    ),
    "STEMI_INF": (
        ("acute inferior myocardial infarction", "inferior st elevation, acute infarct"),
        (
            "acute inferior st elevation myocardial infarction",
            "st elevation in ii, iii, avf",
            "acute inferior injury",
        ),
    ),
    "STEMI_LAT": (
        ("acute lateral myocardial infarction", "lateral st elevation, acute infarct"),
        (
            "acute lateral st elevation myocardial infarction",
            "st elevation in i, avl, v5, v6",
            "acute lateral injury",
        ),
    ),
    "ISC": (
        (
            "ischemic st depression",
            "st depression, anterolateral ischemia",
            "st segment depression, ischemia",
        ),
        (
            "st depression consistent with ischemia",
            "st segments are depressed in ii, v4, v5, v6",
            "ischemic st depression",
        ),
    ),
    "INVT": (("t wave inversion",), ("t waves are inverted",)),
    "LNGQT": (
        ("prolonged qt interval", "long qt interval", "qt prolongation"),
        ("prolonged qt interval", "qt interval is prolonged", "long qt"),
    ),
    "LVOLT": (
        ("low voltage", "low qrs voltage", "low qrs voltages in limb and chest leads"),
        ("low voltage", "low voltage qrs", "peripheral and precordial low voltage"),
    ),
    "PVC": (
        (
            "premature ventricular contractions",
            "ventricular extrasystoles",
            "premature ventricular complexes",
        ),
        (
            "premature ventricular contractions",
            "ventricular extrasystoles",
            "occasional ventricular ectopic beats",
        ),
    ),
    "PAC": (
        ("premature atrial contractions", "supraventricular extrasystoles", "premature atrial complexes"),
        ("premature atrial contractions", "atrial extrasystoles", "occasional atrial ectopic beats"),
    ),
    "BIGU": (
        ("ventricular bigeminy", "ventricular extrasystoles in bigeminy"),
        ("ventricular bigeminy", "bigeminy", "every second beat is a ventricular extrasystole"),
    ),
    "ARTEFACT": (
        ("artefacts", "poor signal quality", "baseline wander and muscle artefact"),
        ("technically poor recording", "marked artefacts", "movement artefacts, unstable baseline"),
    ),
}

T_INVERSION: dict[str, Phrases] = {
    "anterior": (
        ("t wave inversion in anterior leads", "negative t waves in v1-v4"),
        ("t waves are inverted in v2, v3, v4", "inverted t waves anteriorly"),
    ),
    "inferior": (
        ("t wave inversion in inferior leads", "negative t waves in ii, iii, avf"),
        ("t waves are inverted in ii, iii, avf", "inverted t waves inferiorly"),
    ),
    "lateral": (
        ("t wave inversion in lateral leads", "negative t waves in i, avl, v5, v6"),
        ("t waves are inverted in i, avl, v5, v6", "inverted t waves laterally"),
    ),
}

# What may be said beside the finding.
DESCRIPTIONS: dict[str, Phrases] = {
    "STEMI_ANT": (("st elevation in v1-v4",), ("st segments are elevated in v1, v2, v3, v4",)),
    "STEMI_INF": (
        ("st elevation in ii, iii, avf",),
        ("st segments are elevated in ii, iii, avf", "reciprocal st depression in i, avl"),
    ),
    "STEMI_LAT": (
        ("st elevation in i, avl, v5, v6",),
        ("st segments are elevated in i, avl, v5, v6", "reciprocal st depression in iii, avf"),
    ),
    "AMI": (("q waves in v1-v4",), ("loss of r waves in v1-v4", "poor r wave progression")),
    "IMI": (("q waves in ii, iii, avf",), ("pathological q waves in iii, avf",)),
    "LMI": (("q waves in i, avl",), ("pathological q waves in i, avl, v6",)),
    "LVH": (("high qrs voltage",), ("st depression and t inversion in lateral leads as in strain",)),
    "RVH": (("tall r in v1",), ("tall r waves in v1, deep s waves in v5, v6",)),
    "CRBBB": (("rsr' in v1",), ("wide qrs with rsr' in v1",)),
    "CLBBB": (("wide qrs",), ("broad notched r waves in i, v6",)),
    "3AVB": (("av dissociation",), ("p waves are not related to qrs complexes",)),
    "2AVB_I": (("dropped beats",), ("pr interval lengthens until a beat is dropped",)),
    "WPW": (("short pr interval",), ("delta waves", "short pr interval and slurred upstroke")),
}

HEDGES: Phrases = (
    ("possible {}", "probable {}", "{} cannot be ruled out", "consider {}"),
    ("{} is possible", "{} is likely", "{} cannot be excluded", "suspected {}"),
)

RATE: dict[str, Phrases] = {
    "rapid": (("rapid ventricular response",), ("ventricular rate is rapid",)),
    "slow": (("slow ventricular response",), ("ventricular rate is slow",)),
    "normal": (("normal heart rate",), ("ventricular rate is controlled",)),
}

AXIS: dict[str, Phrases] = {
    "left": (("left axis deviation",), ("left axis deviation", "axis deviated to the left")),
    "normal": (("normal axis",), ("normal axis", "axis is normal")),
    "right": (("right axis deviation",), ("right axis deviation", "axis deviated to the right")),
}

CLOSING: dict[str, Phrases] = {
    "normal": (("normal ecg",), ("normal ecg", "no definite pathology", "ecg within normal limits")),
    "otherwise": (("otherwise normal ecg",), ("otherwise normal ecg", "no other abnormality")),
    "abnormal": (("abnormal ecg", "pathological ecg"), ("abnormal ecg", "ecg is abnormal")),
}
