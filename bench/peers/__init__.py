# SPDX-License-Identifier: Apache-2.0
"""Validators that the sensor is compared with, behind one interface.

A peer learns limits from clean rows and then says of rows it has not seen which samples it
alarms on:

    peer.learn(stamps, values)                       int64 ns; float32, rows x channels
    peer.alarms(stamps, values, channel) -> bool[rows]

px4_rules.py     the rules of a flight stack's data validator, in our own words and code
ioos.py          five tests of ioos_qc, the package itself
baseline.py      what an afternoon with numpy gives
ours.py          the sensor with limits from `dura learn`, with and without drift
injector.py      dura/host/inject.h through ctypes: every peer gets the same bytes
recordings.py    public recordings that lie outside this tree
"""
MARGIN = 1.25    # of every limit that a peer takes from clean data: chosen before anything was scored
