#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_corpus_frames.py: write fuzz/corpus/frames_csv and fuzz/corpus/frames_ndjson.

One small file per form the formats allow and per kind of damage; the same files each time.
"""
import os

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")
CSV = {
    "plain": "time,a,b\n1,1.5,2\n2,3,4\n",
    "crlf": "time,a,b\r\n1,1.5,2\r\n",
    "bom": "\ufefftime,a,b\n1,1,1\n",
    "quotes": '"time", "a" ,b,"x,""y"""\n"1","1.5", 2 ,"p\nq"\n',
    "order": "b,extra,date,a\n2,x,2026-03-01,1\n",
    "missing": "time,a,b\n1,,2\n2,  ,\"\"\n",
    "special": "time,a,b\n1,nan,-inf\n2,1e400,-1e-400\n3,Infinity,+.5\n",
    "iso": "timestamp,a,b\n2026-03-01T12:34:56.123456789Z,1,1\n2026-03-01 12:34,1,1\n2026-03-01T12:34:56,5+01:30,1,1\n",
    "epoch": "t,a,b\n1700000000.000000001,1,1\n1.7e9,1,1\n1e30,1,1\n",
    "own_format": "04/07/16 01:02:03.25,1,2\n31/12/68 23:59:60.5,1,2\n",
    "blank_lines": "\n\n time,a,b\n\n1,1,1\n \n",
    "no_newline": "time,a,b\n1,1,1",
    "empty": "",
    "header_only": "time,a,b\n",
    "wrong_header": "time,A,c\n1,2,3\n",
    "twice": "time,a,b,a\n1,2,3,4\n",
    "few": "time,a,b\n1,2\n",
    "many": "time,a,b\n1,2,3,4\n",
    "text": "time,a,b\n1,two,3\n",
    "open_quote": 'time,a,b\n1,"2,3\n4,5,6\n',
    "quote_inside": 'time,a,b\n1,2"3,4\n',
    "nul": "time,a,b\n1,\0,3\n",
    "semicolons": "time;a;b\n1;2;3\n",
    "utf16": b"\xff\xfet\0i\0m\0e\0",
    "reversed": "time,a,b\n5,1,1\n5,1,1\n3,1,1\n",
    "before_1970": "time,a,b\n-1,1,1\n",
}
NDJSON = {
    "plain": '{"time":2,"a":1.5,"b":-2e0}\n{"b":1,"time":3}\n',
    "null": '{"time":2,"a":null,"b":""}\n',
    "words": '{"time":2,"a":NaN,"b":-Infinity}\n{"time":3,"a":"nan","b":"1.5"}\n',
    "nested": '{"x":[1,{"y":[]},"]"],"time":2,"z":{},"q":true,"a":1}\n',
    "escapes": '{"t\\u0069me":2,"\\u0061":1,"n":"\\"\\\\\\n\\ud83d\\ude00"}\n',
    "blanks": ' { "time" : 2 ,\t"a" : 1 } \r\n\n',
    "first": '"time":1,"a":1,"b":2}\n{"time":2,"a":2}\n',
    "twice": '{"time":2,"a":1,"a":2}\n',
    "cut": '{"time":2,"a":1',
    "cut_string": '{"time":2,"a',
    "trailing": '{"time":2,}\n',
    "crossed": '{"x":[1},"time":2}\n',
    "two": '{"time":2} {}\n',
    "list": "[1,2]\n",
    "surrogate": '{"\\ud800":1}\n',
    "deep": '{"x":' + "[" * 70 + "]" * 70 + ',"time":2}\n',
    "numbers": '{"time":01}\n{"time":1.}\n{"time":+1}\n{"time":1e999}\n',
    "time_text": '{"time":"2026-03-01T12:34:56Z","a":1,"b":1}\n',
}


def write(folder, files):
    os.makedirs(os.path.join(TOP, folder), exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(TOP, folder, name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())


write("frames_csv", CSV)
write("frames_ndjson", NDJSON)
