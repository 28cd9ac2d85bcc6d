"""A simulator of 12-lead ECGs: a dipole over the beat, its timing, the conditions and what is said of them.

One file an idea: `dipole` (waves and leads), `heart` (the normal beat), `conduction` and `myocardium` (what
changes it), `rhythm` and `ectopy` (timing), `atria` (fibrillation, flutter), `noise`, `conditions` (the
catalogue and what goes together), `patient`, `recording` (all of it), `phrases` and `wording` (the report).
"""
