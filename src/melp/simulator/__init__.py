"""A simulator of 12-lead ECGs: a heart vector over the beat, its timing, the conditions and their report.

* `dipole`: waves of the heart vector and their projection to leads; `heart`: the normal beat
* `conduction`, `myocardium`: changes of the beat; `rhythm`, `ectopy`: its timing; `atria`: f and F waves
* `conditions`: the catalogue, and which conditions can occur together; `further`: those that only corpora
  in their published layout have; `patient`; `noise`
* `recording`: all of these combined to one ECG; `report` and `phrases`: its report
"""
