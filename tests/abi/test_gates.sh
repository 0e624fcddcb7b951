#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The ABI gates can fail. Each row plants one change in a copy of the headers, sources or
# libraries and says which gate must turn red; a gate that stays green is a gate that does
# not look. Rows marked "green" are controls: changes that are allowed, so the gate does not
# cry wolf. Nothing outside a temporary folder is written. --quick leaves out the rows marked
# with "slow" or a leading blank, so that check stays fast; the weekly run takes all.
set -u
quick=${1:-}
here=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rows=0
wrong=0

fresh() {       # a copy of what the gates read
    rm -rf "$tmp/tree"
    mkdir -p "$tmp/tree/tests"
    cp -r "$here/include" "$tmp/tree/"
    cp -r "$here/tests/abi" "$tmp/tree/tests/"
    mkdir "$tmp/tree/src"
    cp "$here/src/dura.map" "$tmp/tree/src/"
    cp -r "$here/src/base" "$here/src/sensor" "$tmp/tree/src/"
}
# What a red gate must have said: a gate that fails for another reason has not seen the change.
because=.
expect() {      # red|green, row, command...
    want=$1 row=$2
    shift 2
    rows=$((rows + 1))
    if "$@" >"$tmp/said" 2>&1; then got=green; else got=red; fi
    if [ $got = red ] && ! grep -qE -e "$because" "$tmp/said"; then got="red for another reason"; fi
    if [ "$got" != "$want" ]; then
        echo "gate is $got, must be $want: $row"
        sed 's/^/    /' "$tmp/said" | grep -v '^    *In file\|^    *from ' | head -8
        wrong=$((wrong + 1))
    fi
}
plant() {       # sed script, file: fails loudly when the text to change is no longer there
    cp "$tmp/tree/$2" "$tmp/before"
    sed -i "$1" "$tmp/tree/$2"
    if cmp -s "$tmp/before" "$tmp/tree/$2"; then
        echo "nothing planted by '$1' in $2: this row has lost its subject"
        wrong=$((wrong + 1))
    fi
}
layout() { "$here/scripts/check_layout.sh" --root "$tmp/tree"; }
only_layout() { rm -f "$tmp/tree/tests/abi/frozen_v1.c"; layout; }
only_frozen() { gcc -std=c99 -ffreestanding -I"$tmp/tree/include" -fsyntax-only "$tmp/tree/tests/abi/frozen_v1.c"; }
abi() { "$here/scripts/check_abi.sh" --root "$tmp/tree" "$@"; }

# ---- layout lock and frozen copies: every change is seen by both, each on its own ----------

header_rows() {
    while IFS='|' read -r row file change frozen; do
        case $quick$row in --quick\ *) continue ;; esac
        row=${row# }
        fresh
        plant "$change" "$file"
        because='static assertion failed|no member named|undeclared'
        expect "$frozen" "$row, frozen copies" only_frozen
        because='^\[(all|x86_64)[]:]'
        expect red "$row, layout lock" only_layout
    done <<'ROWS'
field inserted in the middle|include/dura/sensor.h|s/^    uint16_t n_not_good;/    uint32_t planted; uint16_t n_not_good;/|red
 field removed|include/dura/log.h|/^    uint64_t lost_bytes;/d|red
 fields swapped, sizes equal|include/dura/base.h|s/^    uint16_t asset;/    uint16_t swap_;/;s/^    uint16_t zone;/    uint16_t asset;/;s/uint16_t swap_;/uint16_t zone;/|red
 field renamed|include/dura/sensor.h|s/float    quality;/float    goodness;/|red
u32 becomes i32|include/dura/base.h|s/uint32_t wall_err_us;/int32_t  wall_err_us;/|red
 float becomes u32|include/dura/sensor.h|s/float    fail_lo;/uint32_t fail_lo;/|red
 array longer by one|include/dura/base.h|s/int64_t  value\[4\];/int64_t  value[5];/|red
 u32 becomes size_t|include/dura/log.h|s/uint32_t epoch; /size_t epoch; /|red
u64 at an odd multiple of 4: 32-bit x86 packs it|include/dura/sensor.h|s/^    uint32_t reasons;        \/\* bits of all channels, or-ed \*\//    uint64_t reasons;/|red
enumerator renumbered|include/dura/base.h|s/DURA_SUSPECT = 3/DURA_SUSPECT = 5/|red
 enumerator removed|include/dura/base.h|s/^    DURA_FACT_LOG_LOST = 11,.*//|red
 error code renumbered|include/dura/base.h|s/X(EIO,      -8/X(EIO,      -18/|red
 constant changed|include/dura/port.h|s/DURA_TAG_BYTES 16/DURA_TAG_BYTES 32/|red
 call of a vtable gets another argument|include/dura/backend.h|s/int32_t (\*reset)(void \*inst);/int32_t (*reset)(void *inst, int how);/|red
 calls of a vtable swapped|include/dura/port.h|s/int (\*read)(void/int (*swap_)(void/;s/int (\*prog)(void/int (*read)(void/;s/int (\*swap_)(void/int (*prog)(void/|red
field appended without the baseline|include/dura/guard.h|s/^ *dead as well \*\/$/&\n    uint64_t planted;/|green
 enumerator appended without the baseline|include/dura/base.h|s/^    DURA_FACT_LOG_LOST = 11,/& DURA_FACT_PLANTED = 99,/|green
ROWS
}
DURA_LAYOUT_TARGETS="x86_64 i386"; export DURA_LAYOUT_TARGETS
header_rows
unset DURA_LAYOUT_TARGETS

fresh
expect green "unchanged headers, layout lock" layout
fresh
plant 's/how far the wall clock/HOW FAR the wall clock/I' include/dura/base.h
expect green "another comment" layout

# A row the baseline has is missing there: the comparison goes both ways.
fresh
plant '/^field dura_time.boot /d' tests/abi/layout.txt
expect red "a line of layout.txt is gone" layout
# Equal on all targets is a demand of its own: --update must not bless what differs.
fresh
plant 's/^    uint8_t  verdict;        \/\* worst.*/    uint64_t verdict;/' include/dura/sensor.h
expect red "padding that differs between targets cannot be made the baseline" \
    "$here/scripts/check_layout.sh" --root "$tmp/tree" --update
fresh
plant 's/^    uint8_t  reserved\[7\];.*//' include/dura/base.h
expect red "padding nobody owns cannot be made the baseline" \
    "$here/scripts/check_layout.sh" --root "$tmp/tree" --update

# ---- generated files: table and symbol list follow the headers ------------------------------

because='gen_layout.py|symbols.txt|dura.map'
fresh
plant 's/^    uint64_t unrecorded;/&\n    uint64_t planted;/' include/dura/guard.h
expect red "field without a row in dura_layout()" python3 "$here/scripts/gen_layout.py" --check --root "$tmp/tree"
fresh
plant 's/^DURA_API DURA_CHECK uint32_t dura_abi(void);/&\nDURA_API DURA_CHECK int dura_planted(void);/' include/dura/base.h
expect red "function without a line in symbols.txt" python3 "$here/scripts/gen_symbols.py" --check --root "$tmp/tree"
fresh
plant 's/^DURA_API DURA_CHECK uint32_t dura_abi(void);//' include/dura/base.h
expect red "line in symbols.txt without a function" python3 "$here/scripts/gen_symbols.py" --check --root "$tmp/tree"
fresh
plant 's/^    dura_version;//' src/dura.map
expect red "name missing in the map" python3 "$here/scripts/gen_symbols.py" --check --root "$tmp/tree"

# ---- what the libraries show: stand-ins with every name of the list ---------------------------

because='^symbols:'
list=$here/tests/abi/symbols.txt
stand_in() {    # $1 extra C, $2 names left out: builds $tmp/l.so and $tmp/l.a
    awk -v out="$2" '!/^#/ && NF && $1 != out { print "void " $1 "(void); void " $1 "(void) {}" }' "$list" >"$tmp/l.c"
    echo "$1" >"$tmp/core.c"
    gcc -shared -fPIC -o "$tmp/l.so" "$tmp/l.c" "$tmp/core.c" && gcc -c -o "$tmp/core.o" "$tmp/core.c" &&
        gcc -c -o "$tmp/l.o" "$tmp/l.c" && rm -f "$tmp/l.a" && ar rc "$tmp/l.a" "$tmp/l.o" "$tmp/core.o"
}
symbols() { "$here/scripts/check_symbols.sh" "$tmp/l.so" "$tmp/l.a" "$list"; }

stand_in 'static const char *const words[] = {"constant"}; const char *dura_abi2(void); __attribute__((visibility("hidden"))) const char *durai_word(int i); const char *durai_word(int i) { return words[i]; }' ''
expect green "stand-in as listed, with constant tables" symbols
stand_in '' dura_version
expect red "function removed" symbols
stand_in 'void dura_planted(void); void dura_planted(void) {}' ''
expect red "function added without listing" symbols
stand_in 'void helper(void); void helper(void) {}' ''
expect red "name without the prefix" symbols
stand_in 'static int n = 1; __attribute__((visibility("hidden"))) int durai_f(void); int durai_f(void) { return n++; }' ''
expect red ".data variable in the core" symbols
stand_in 'static int n; __attribute__((visibility("hidden"))) int durai_f(void); int durai_f(void) { return n++; }' ''
expect red ".bss variable in the core" symbols
stand_in 'static __thread int n; __attribute__((visibility("hidden"))) int durai_f(void); int durai_f(void) { return n++; }' ''
expect red "thread-local variable in the core" symbols

# ---- abidiff --------------------------------------------------------------------------------

because='changes summary'
if command -v abidw >/dev/null && [ "$quick" != --quick ]; then
    # Two modules are enough to see whether it looks; their baseline is made here.
    fresh
    abi --update >/dev/null
    cp "$tmp/tree/tests/abi/libdura.abi" "$tmp/two.abi"
    abi_fresh() { fresh && cp "$tmp/two.abi" "$tmp/tree/tests/abi/libdura.abi"; }
    abi_fresh
    expect green "unchanged sources, abidiff" abi
    abi_fresh
    plant 's/^    uint16_t worst_channel;/    int16_t  worst_channel;/' include/dura/sensor.h
    expect red "u16 becomes i16, abidiff" abi
    abi_fresh
    plant 's/uint32_t dura_abi(void)/int64_t dura_abi(void)/' include/dura/base.h
    plant 's/uint32_t dura_abi(void)/int64_t dura_abi(void)/' src/base/dura_base.c
    expect red "return type, abidiff" abi
    abi_fresh
    plant 's/^DURA_API DURA_CHECK uint32_t dura_abi/uint32_t dura_abi/' include/dura/base.h
    expect red "function no longer exported, abidiff" abi
    abi_fresh
    plant 's/^struct dura_sensor {/struct dura_sensor {\n    uint64_t planted;/' src/sensor/dura_sensor_priv.h
    expect green "inside of an opaque struct, abidiff" abi
fi

# ---- footprint ------------------------------------------------------------------------------

footprint() { python3 "$here/scripts/check_footprint.py" --root "$tmp/tree" "$@"; }
if command -v arm-none-eabi-gcc >/dev/null && [ "$quick" != --quick ]; then
    # A baseline of the tree as it is, limits that are exceeded now included.
    fresh
    cp -r "$here/src" "$tmp/tree/"
    footprint --update | sed -n 's/^\(.*\): [0-9]* is over the limit of .*/over \1: for this test/p' >"$tmp/over"
    cat "$tmp/tree/tests/footprint.txt" "$tmp/over" >"$tmp/footprint.txt"
    footprint_fresh() {
        fresh
        cp -r "$here/src" "$tmp/tree/"
        cp "$tmp/footprint.txt" "$tmp/tree/tests/"
    }
    because='problem'
    footprint_fresh
    expect green "unchanged sources, footprint" footprint
    because='flash full base: .*was'
    footprint_fresh
    plant 's/^flash full base .*/flash full base 2000/' tests/footprint.txt
    expect red "a module grew beyond 2 %" footprint
    because='data core .data[+].bss: 4 is over'
    footprint_fresh
    plant 's/^uint32_t dura_abi(void) {/static volatile int planted = 1;\n&planted++; /' src/base/dura_base.c
    expect red "a variable in the core, footprint" footprint
    because='stack dura_errname: .*was'
    footprint_fresh
    plant 's/^    const error_row \*row = find(code);/    volatile char planted[4096]; planted[code \& 4095] = 0;\n&/' src/base/dura_base.c
    expect red "4 KiB on the stack of a public call" footprint
    because='recursion'
    footprint_fresh
    plant 's/^const char \*dura_errname(int code)$/const char *dura_errname(int code);\n&/;s/^    return row ? row->name : "E?";/    if (code > 7 \&\& dura_errname(code - 1)[0] == 69) return "E";\n&/' src/base/dura_base.c
    expect red "recursion" footprint
    because='dynamic'
    footprint_fresh
    plant 's/^    const error_row \*row = find(code);/    volatile char planted[code > 0 ? code : 1]; planted[0] = 0;\n&/' src/base/dura_base.c
    expect red "an array whose length the caller chooses" footprint
fi

[ $wrong -ne 0 ] || echo "abi gates: $rows planted changes and controls, each seen as it must; ok"
exit $((wrong != 0))
