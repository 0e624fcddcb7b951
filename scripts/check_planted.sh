#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A gate that cannot turn red is no gate. This plants one fault per gate in copies of the
# tree or in small programs, and demands that the gate fails and names the fault.
# check_planted.sh [--quick]: --quick leaves out what needs clang, valgrind, gcovr, cppcheck.
set -uo pipefail
cd "$(dirname "$0")/.."
top=$PWD
quick=no
[ "${1:-}" = --quick ] && quick=yes
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export PYTHONDONTWRITEBYTECODE=1
python=$(command -v /usr/bin/python3 || command -v python3)
failed=0 planted=0

# red WHAT TEXT COMMAND...: the command must fail and its output contain TEXT (a regex).
red() {
    local what=$1 text=$2
    shift 2
    planted=$((planted + 1))
    # A shell of its own, so that "Aborted" goes to the log too.
    if ("$@"; exit $?) > "$out/log" 2>&1; then
        echo "NOT SEEN: $what (exit 0)"; failed=$((failed + 1))
    elif ! grep -qE -- "$text" "$out/log"; then
        echo "FAILED FOR ANOTHER REASON: $what (no \"$text\")"; tail -5 "$out/log"; failed=$((failed + 1))
    fi
}
# green WHAT COMMAND...: the same gate without the fault passes.
green() {
    local what=$1
    shift
    if ! "$@" > "$out/log" 2>&1; then
        echo "RED WITHOUT A FAULT: $what"; tail -5 "$out/log"; failed=$((failed + 1))
    fi
}

# A fresh copy of the sources in $out/tree.
fresh() {
    rm -rf "$out/tree"
    mkdir "$out/tree"
    tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C "$out/tree"
}
gate() { "$python" "$top/scripts/$1" --root "$out/tree" "${@:2}"; }

# ---- gates that read the tree -------------------------------------------------------------
fresh
t=$out/tree
cat > "$t/include/dura/planted.h" <<'C'
/* SPDX-License-Identifier: Apache-2.0 */
DURA_API DURA_CHECK int dura_planted_bare(void);
/** Has no tag. returns 0. */
DURA_API DURA_CHECK int dura_planted_untagged(void);
/** Has a tag of its own. returns 0.   [any, somewhere] */
DURA_API DURA_CHECK int dura_planted_odd(void);
/** Is not exported. returns 0.   [any] */
DURA_CHECK int dura_planted_hidden(void);
/** Its result may be lost. returns 0.   [any] */
DURA_API int dura_planted_lost(void);
/** Keeps silent.   [any] */
DURA_API DURA_CHECK int dura_planted_silent(void);
/** Takes a struct by value. returns 0.   [any] */
DURA_API DURA_CHECK int dura_planted_value(dura_time t);
C
red "function without a comment" 'dura_planted_bare has no /\*\*' gate check_headers.py
red "function without a context tag" 'dura_planted_untagged no context tag' gate check_headers.py
red "context tag off the closed list" 'dura_planted_odd unknown context tag' gate check_headers.py
red "function without DURA_API" 'dura_planted_hidden lacks DURA_API' gate check_headers.py
red "function without DURA_CHECK" 'dura_planted_lost lacks DURA_CHECK' gate check_headers.py
red "function that does not say what it returns" 'dura_planted_silent does not say' gate check_headers.py
red "struct by value" 'dura_planted_value takes a struct by value' gate check_headers.py
for i in $(seq 121); do
    printf '/** One too many. returns 0.  [any] */\nDURA_API DURA_CHECK int dura_many_%d(void);\n' "$i"
done >> "$t/include/dura/planted.h"
red "more than 120 public functions" 'core has [0-9]+ public functions' gate check_headers.py

fresh
{ echo "/* no licence line */"; echo "int planted_long(int x)"; echo "{"
  for _ in $(seq 76); do echo "    x++;"; done; echo "    return x;"; echo "}"; } > "$t/src/base/planted.c"
green "function of 80 lines" bash -c \
    "! '$python' '$top/scripts/check_functions.py' --root '$t' | grep planted_long"
sed -i 's/^    return x;/    x++;\n    return x;/' "$t/src/base/planted.c"
red "function of 81 lines" 'planted_long is 81 lines' gate check_functions.py
red "file without a licence line" 'src/base/planted.c:1: lacks' gate check_spdx.py
for i in $(seq 4000); do echo "int planted_$i;"; done > "$t/src/base/planted.c"
red "core without assertions" 'assertions in [0-9]+ lines' gate check_functions.py

fresh
mkdir -p "$t/tools"
cat > "$t/src/sensor/planted.c" <<'C'
#include <dura/log.h>
#include <dura/host/error.h>
#include <stdlib.h>
#include "../log/dura_log_priv.h"
#include "base/dura_base_priv.h"
C
touch "$t/src/log/dura_log_priv.h"
echo '#include "../src/base/dura_base_priv.h"' > "$t/tools/planted.c"
red "include of a sibling's header" 'planted.c:1: module sensor does not see module log' gate check_includes.py
red "include of the host library" 'planted.c:2: the core does not know the host' gate check_includes.py
red "include of stdlib.h in the core" 'planted.c:3: the core does not use <stdlib.h>' gate check_includes.py
red "include of a sibling's private header" 'planted.c:4: module sensor does not see' gate check_includes.py
red "include that needs -Isrc" 'planted.c:5: .* not relative' gate check_includes.py
red "private header in a tool" 'tools/planted.c:1: .* not public' gate check_includes.py

fresh
printf '%s\n' "# kept in /ho""me/somebody/dura" "# TO""DO: later" "# https://reg""istry.example.org/x" \
    "# as agreed in this ses""sion" "# see iss""ue 12" > "$t/docs/planted.md"
red "path of a machine" 'planted.md:1: a path' gate check_words.py
red "unfinished work" 'planted.md:2: unfinished' gate check_words.py
red "package registry" 'planted.md:3: a package registry' gate check_words.py
red "words about how it was made" 'planted.md:4: how it was made' gate check_words.py
red "number of a ticket" 'planted.md:5: how it was made' gate check_words.py

fresh
printf '[gone](nowhere.md) and `src/base/nowhere.c`\n' > "$t/docs/planted.md"
printf '99. Proof: `no_suite::no_test`\n' >> "$t/docs/invariants.md"
printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* invariant 98 */\n' > "$t/src/base/planted.c"
red "dead link" 'planted.md:1: link to nowhere.md' gate check_docs.py
red "path that does not exist" 'planted.md:1: there is no src/base/nowhere.c' gate check_docs.py
red "proof that is no test" 'there is no test no_suite::no_test' gate check_docs.py
red "gap in the invariants" 'numbers are not 1' gate check_docs.py
red "reference to no invariant" 'planted.c:2: there is no invariant 98' gate check_docs.py

fresh
sed -i -e 's/gate_probation::f8_rolls/gate_probation::f8_rools/; s/^| F6 .*/| F6 | x | | `DURA_OK` |/; /^| F9 /d' \
    -e '/^| A6 /s/`DURA_WHY_JUMP`/`DURA_WHY_SIZE`/; /^| A4 /s/`gate_verify[^`]*`/`gate_reset::gives_up_whatever_is_in_hand`/' \
    "$t/docs/gate.md"
red "test that is not there" 'F8: there is no test gate_probation::f8_rools' gate check_attacks.py
red "test that is not in the table" 'F6: gate_probation::f6_lasts.* is missing' gate check_attacks.py
red "row that is not there" 'the rows are A1' gate check_attacks.py
red "code nobody asserts" 'A6: no test of it asserts DURA_WHY_SIZE' gate check_attacks.py
red "test named after no row" 'A4: there is no test gate_reset::gives_up' gate check_attacks.py

fresh
sed -i 's/"id": "SM-9"/"id": "SM-99"/' "$t/catalogs/62443-4-1.json"
red "practice that is gone" 'SM-9 is missing' gate check_catalogs.py
red "bridge to an id nobody has" 'bridge.json: .*SM-9: no catalogue has it' gate gen_catalogs.py --check
cp catalogs/62443-4-1.json "$t/catalogs/"
sed -i '/"from": "T0831"/d; s/"title": "Craft Adversarial Data"/"title": "Certified safe"/' "$t/catalogs/bridge.json" "$t/catalogs/atlas.json"
red "technique without a row" 'T0831 has no row' gate check_catalogs.py
red "a word only an audit may use" 'atlas.json:[0-9]+: Certified' gate check_catalogs.py
cp catalogs/*.json "$t/catalogs/"
sed -i 's/"title": "Craft Adversarial Data"/"title": "Craft"/' "$t/catalogs/atlas.json"
red "table that is not what the data are" 'is not what scripts/gen_catalogs.py writes' gate gen_catalogs.py --check
sed -i 's/^| `42001` |\([^|]*\)| 38 /| `42001` |\1| 37 /; s/copyright designation/name/' "$t/docs/catalogs.md" "$t/catalogs/attack-ics.json"
red "count that is not the data's" 'docs/catalogs.md: 42001 has 38 ids' gate check_catalogs.py
red "notice that was lost" 'attack-ics.json: lacks the notice' gate check_catalogs.py
sed -i 's/"hook": "log.anchor"/"hook": "log.query"/' "$t/docs/evidence/register.json"
red "register that its page does not show" 'is not what scripts/gen_evidence.py writes' gate gen_evidence.py --check

fresh
printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include <stdlib.h>\nvoid *dura_planted(void);\nvoid *dura_planted(void) { return malloc(8); }\n' \
    > "$t/src/sensor/planted.c"
red "malloc in the core" 'asks for more than .* malloc' "$t/scripts/check_core.sh" gcc
printf '#include "base/dura_base_priv.h"\n' > "$t/src/sensor/planted.c"
red "core source that needs more than -Iinclude" 'No such file' "$t/scripts/check_core.sh" gcc

# ---- warnings: each flag of the build, on a fault of its own ---------------------------------
flags=$(grep -oE -- '-W[a-z][a-z-]*' cmake/DuraTargets.cmake | grep -v Werror | sort -u | tr '\n' ' ')
warns() {    # WHAT FLAG CODE
    printf '%s\n' "$3" > "$out/warn.c"
    # shellcheck disable=SC2086
    red "warning: $1" "$2" gcc -std=c99 $flags -Werror -c "$out/warn.c" -o "$out/warn.o"
}
warns "unused variable" 'unused-variable' 'int f(void); int f(void) { int x; return 0; }'
warns "lossy conversion" 'conversion' 'short f(int x); short f(int x) { return x; }'
warns "shadowing" 'shadow' 'int f(int x); int f(int x) { { int x = 1; return x; } }'
warns "missing prototype" 'missing-prototypes' 'int f(int x) { return x; }'
warns "old-style declaration" 'strict-prototypes' 'int f();'
warns "cast that drops const" 'cast-qual' 'char *f(const char *p); char *f(const char *p) { return (char *)p; }'
warns "variable-length array" 'vla' 'int f(int n); int f(int n) { int a[n]; a[0] = n; return a[0]; }'
warns "undefined macro in #if" 'undef' '#if NOT_DEFINED_ANYWHERE
#endif
int x;'
grep -q 'DURA_WERROR.*-Werror' cmake/DuraTargets.cmake || { echo "NOT SEEN: warnings are not errors"; failed=$((failed + 1)); }

# ---- both test runners see what sanitizers see ----------------------------------------------
cat > "$out/faults.c" <<'C'
#include "dt.h"
static volatile int n = 8;
static char *volatile kept;
DT_TEST(planted, good) { kept = malloc(8); kept[n - 1] = 1; free(kept); }
DT_TEST(planted_leak, leak) { kept = malloc(8); kept[0] = 1; kept = NULL; }
DT_TEST(planted_overflow, overflow) { kept = malloc(8); kept[n] = 1; free(kept); }
DT_TEST(planted_ub, ub) { int x = 2147483640; x += n; dt_ok(x < 0, ""); }
DT_TEST(planted_wrong, wrong) { dt_eq(n, 9, "row %d", 7); }
C
sanitize="-g -O1 -std=gnu99 -Itests -fsanitize=address,undefined -fno-sanitize-recover=all"
# shellcheck disable=SC2086
gcc $sanitize -DDT_PLAIN "$out/faults.c" tests/dt_main.c -o "$out/plain" 2>"$out/log" || cat "$out/log"
green "plain runner: good test" "$out/plain" planted
red "plain runner: leak" "leaks memory|detected memory leaks" "$out/plain" planted_leak
red "plain runner: overflow" 'heap-buffer-overflow' "$out/plain" planted_overflow
red "plain runner: undefined behaviour" 'signed integer overflow' "$out/plain" planted_ub
red "plain runner: wrong value" 'n is 8, want 9 = 9  row 7' "$out/plain" planted_wrong
red "plain runner: no test at all" '0 passed, 0 failed' "$out/plain" no_such_suite
if pkg-config --exists criterion; then
    # shellcheck disable=SC2086,SC2046
    gcc $sanitize "$out/faults.c" tests/dt_main.c $(pkg-config --cflags --libs criterion) -o "$out/criterion" 2>"$out/log" || cat "$out/log"
    green "Criterion: good test" "$out/criterion" --filter 'planted/*'
    red "Criterion: leak" 'the test leaks memory' "$out/criterion" --filter 'planted_leak/*'
    red "Criterion: overflow" 'heap-buffer-overflow' "$out/criterion" --filter 'planted_overflow/*'
    red "Criterion: undefined behaviour" 'signed integer overflow' "$out/criterion" --filter 'planted_ub/*'
    red "Criterion: wrong value" 'n is 8, want 9 = 9  row 7' "$out/criterion" --filter 'planted_wrong/*'
fi

# ---- examples and corpora ---------------------------------------------------------------------
printf '#include <stdio.h>\nint main(void) { puts("one"); return 0; }\n/*\n * one\n */\n' > "$out/ex.c"
gcc "$out/ex.c" -o "$out/ex"
green "example" "$python" scripts/run_example.py "$out/ex.c" "$out/ex"
sed 's/^ \* one/ * two/' "$out/ex.c" > "$out/ex2.c"
red "example that prints something else" '^\+one' "$python" scripts/run_example.py "$out/ex2.c" "$out/ex"
red "example that fails" 'exit code' "$python" scripts/run_example.py "$out/ex.c" sh -c 'echo one; exit 3'
sed '/^\/\*/,$d' "$out/ex.c" > "$out/ex3.c"
red "example without its output" 'must end with a comment' "$python" scripts/run_example.py "$out/ex3.c" "$out/ex"

cat > "$out/fuzz.c" <<'C'
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n >= 2 && p[0] == 'P' && p[1] == 'Q')
        abort();                     /* the property that does not hold */
    if (n == 7)
        return p[n] > 200;          /* reads one byte too far */
    return 0;
}
C
# shellcheck disable=SC2086
gcc $sanitize "$out/fuzz.c" fuzz/replay.c -o "$out/replay" 2>"$out/log" || cat "$out/log"
mkdir "$out/good" "$out/bad" "$out/far" "$out/none"
printf 'good' > "$out/good/1"; printf 'PQ' > "$out/bad/1"; printf '1234567' > "$out/far/1"
green "corpus" "$out/replay" "$out/good"
red "corpus input that breaks a property" 'bad/1' "$out/replay" "$out/good" "$out/bad"
red "corpus input that is read beyond its end" 'heap-buffer-overflow' "$out/replay" "$out/far"
red "empty corpus" 'no corpus file' "$out/replay" "$out/none"
red "missing corpus" 'No such file' "$out/replay" "$out/missing"

# ---- what takes longer or needs more packages ---------------------------------------------------
if [ $quick = no ]; then
    cat > "$out/uninit.c" <<'C'
#include "dt.h"
DT_TEST(planted, uninitialised) { char *p = malloc(8); int x = p[3] > 3; dt_ok(x + 1, ""); if (p[3]) puts("set"); free(p); }
DT_TEST(planted_leak, leak) { char *volatile p = malloc(8); p[0] = 1; p = NULL; }
DT_TEST(planted_good, good) { char *volatile p = malloc(8); p[0] = 1; free(p); }
C
    gcc -g -O0 -std=gnu99 -w -DDT_PLAIN -Itests "$out/uninit.c" tests/dt_main.c -o "$out/uninit"
    green "valgrind: good test" scripts/valgrind.sh --one "$out/uninit" planted_good
    red "valgrind: uninitialised read" 'depends on uninitialised' scripts/valgrind.sh --one "$out/uninit" planted
    red "valgrind: leak" 'definitely lost' scripts/valgrind.sh --one "$out/uninit" planted_leak
    red "valgrind: error in a child" 'depends on uninitialised' scripts/valgrind.sh --one sh -c "'$out/uninit' planted; true"

    printf '#include <pthread.h>\nstatic int x;\nstatic void *f(void *p) { x++; return p; }\nint main(void) { pthread_t a, b; pthread_create(&a, 0, f, 0); pthread_create(&b, 0, f, 0); pthread_join(a, 0); pthread_join(b, 0); return 0; }\n' > "$out/race.c"
    clang-14 -g -O1 -fsanitize=thread "$out/race.c" -lpthread -o "$out/race"
    red "TSan: data race" 'data race' "$out/race"

    clang-14 -g -O1 -fsanitize=fuzzer,address,undefined "$out/fuzz.c" -o "$out/fuzzer"
    red "libFuzzer: broken property" 'deadly signal|heap-buffer-overflow' "$out/fuzzer" -max_total_time=20 \
        -artifact_prefix="$out/" "$out/good"

    mkdir -p "$out/cov/src"
    { echo "int main(int n, char **v) { (void)v; if (n > 5) {"; for _ in $(seq 20); do echo "n++;"; done; echo "} return 0; }"; } > "$out/cov/src/a.c"
    (cd "$out/cov" && gcc -O0 --coverage src/a.c -o a && ./a)
    red "coverage below the limit" 'line coverage of src: [0-9.]+ %' scripts/coverage.sh --only "$out/cov"
    green "coverage above a lower limit" scripts/coverage.sh --least 5 --only "$out/cov"

    fresh
    printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "dura_base_priv.h"\nint durai_planted(int a);\nint durai_planted(int a)\n{\n    int b = 017;\nagain:\n    if (a > b) {\n        a--;\n        goto again;\n    }\n    return a;\n}\n' \
        > "$t/src/base/planted.c"
    red "MISRA: a rule that had no deviation" 'rule (7\.1|15\.2)' "$python" scripts/misra/check_misra.py --root "$t"

    fresh
    sed -i 's/(u & 0x7F800000u) == 0x7F800000u/!(durai_f32(u) - durai_f32(u) >= 0.0f)/' "$t/src/sensor/dura_sensor_judge.c"
    red "torture: NaN seen by arithmetic, lost under -ffast-math" 'fast-math fails' scripts/check_torture.sh "$t"
    fresh
    sed -i 's/#define TINY_BITS 0x00800000u/#define TINY_BITS 0u/' "$t/src/sensor/dura_sensor_priv.h"
    red "torture: verdicts that depend on flushed subnormals" 'builds disagree|fails' scripts/check_torture.sh "$t"
    green "torture" scripts/check_torture.sh

    # The build itself, on the base module alone: a leak in a test turns ctest red.
    fresh
    rm -rf "$t"/src/{host,port,link,sensor,block,feature,backend,log,drift,mspc,histogram,accuracy,correlate,gate,guard}/* "$t"/tests/{sim,python}/* "$t"/tests/{test,thread}_* \
        "$t"/{tools,examples,bench}/* "$t"/fuzz/fuzz_* "$t"/src/dura.map "$t"/tests/abi/*
    printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "dt.h"\nDT_TEST(planted_build, leak) { char *volatile p = malloc(9); p[0] = 1; p = NULL; }\n' > "$t/tests/test_planted.c"
    cmake -S "$t" -B "$out/b" -G Ninja -DDURA_SANITIZE=address,undefined > "$out/log" 2>&1 || cat "$out/log"
    ninja -C "$out/b" test_planted > "$out/log" 2>&1 || tail -20 "$out/log"
    red "ctest: a test that leaks" 'the test leaks memory' ctest --test-dir "$out/b" -R test_planted --output-on-failure
    printf 'int dura_planted(void);\nint dura_planted(void) { int unused; return 0; }\n' > "$t/src/base/planted.c"
    red "build: a warning in src" 'unused-variable' ninja -C "$out/b" dura_core
fi

echo "$planted faults planted, $failed not seen"
[ $failed = 0 ] && [ $planted -gt 40 ]
