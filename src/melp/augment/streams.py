"""The names of all streams of random numbers.

Random numbers are a function of a key and a stream (`melp.augment.random`): two draws with the same key and
the same stream give the same numbers. So each purpose has a stream of its own. Keys are those of the batch,
or derived from them by `combine` for a view, a transform or a half; streams that derive keys are listed too.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Stream(Enum):
    """A stream of random numbers: the keys that it is drawn with, and a number.

    The numbers never change: they decide the results of a seed.
    """

    # Transforms: keys of the view and the transform.
    IS_APPLIED = "transform", -1
    RESIZED_CROP = "resized crop", 0
    SEGMENT_COUNT = "permutation", 0
    SEGMENT_CUTS = "permutation", 1
    SEGMENT_ORDER = "permutation", 2
    SCALING = "scaling", 0
    WANDER_FREQUENCY = "wander", 0
    WANDER_PHASE = "wander", 1
    WANDER_HEIGHT = "wander", 2
    SHIFT_START = "shift", 1
    SHIFT_HEIGHT = "shift", 2
    MAINS_FREQUENCY = "mains", 0
    MAINS_PHASE = "mains", 1
    MAINS_HEIGHT = "mains", 2
    MUSCLE_NOISE = "muscle", 0
    MUSCLE_HEIGHT = "muscle", 1
    JITTER = "jitter", 0
    TIME_OUT_LENGTH = "time-out", 0
    TIME_OUT_START = "time-out", 1
    MASKED_LEADS = "lead masking", 1
    TIME_SHIFT = "time shift", 3

    # Methods: keys of the batch, or of one half of a recording (ECG-FM).
    ST_MEM_CROP = "st_mem", 0
    ST_MEM_PATCHES = "st_mem", 1
    CRT_TIMES = "crt", 0
    CRT_FREQUENCIES = "crt", 1
    HEARTLANG_BEATS = "heartlang", 0
    HEARTLANG_REVIVED = "heartlang", 1
    ECG_FM_SPAN_STARTS = "ecg_fm", 0
    ECG_FM_LEADS = "ecg_fm", 1
    ECG_FM_NEGATIVES = "ecg_fm", 2
    ECG_FM_GUMBEL = "ecg_fm", 3
    ECG_FM_SPAN_COUNT = "ecg_fm", 4
    TS_TCC_FRAME = "ts_tcc frame", 0
    MASKED_WORDS = "language model", 2

    # Derived keys, beside those of the views 0 and 1 of a recording.
    TS_TCC_FRAME_KEYS = "ts_tcc", 2
    ASTCL_LEADS_KEYS = "astcl", 1

    @property
    def keys(self) -> str:
        """What the keys are derived for; streams with the same keys have different numbers."""
        return self.value[0]

    @property
    def number(self) -> int:
        """The number that the keys are combined with."""
        return self.value[1]
