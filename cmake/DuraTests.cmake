# SPDX-License-Identifier: Apache-2.0
# Tests, threads, corpora, examples, benches and gates. Everything is found by its name:
#   tests/test_<module>.c  tests/thread_<module>.c  fuzz/fuzz_<name>.c + fuzz/corpus/<name>/
#   examples/NN_<what>.c   bench/bench_<name>.c     tests/python/  scripts/check_*.py
# `test_host_*` and files that name a host header are left out without DURA_HOST.

include_guard()
find_package(Threads)
include(DuraCross)        # dura_cross: start file and libsodium where DURA_HOST is OFF
set(DURA_TEST_SHARE 1 CACHE STRING "Long repetitions of tests are done this many times less")
set(DURA_FUZZ_SECONDS 60 CACHE STRING "Seconds each libFuzzer target runs in ctest")

# ---- what the tests link: the same sources with assertions and sanitizers ----------------

set(DURA_UNDER_TEST ${DURA_CORE_SOURCES})
if(DURA_HOST)
  list(APPEND DURA_UNDER_TEST ${DURA_HOST_SOURCES})
else()                    # the crypto provider runs everywhere: same keys, same signatures
  file(GLOB provider CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/host/dura_host_sodium*.c
       ${PROJECT_SOURCE_DIR}/src/host/dura_host_sha256*.c)
  list(APPEND DURA_UNDER_TEST ${provider})
endif()
file(GLOB DURA_SIM_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/sim/*.c)
if(NOT DURA_HOST)
  list(FILTER DURA_SIM_SOURCES EXCLUDE REGEX "_host\\.c$")
endif()

# What everything built from the library's own sources needs to compile and to link.
function(dura_test_library name)
  dura_library(${name} STATIC SOURCES ${DURA_UNDER_TEST} ${DURA_SIM_SOURCES})
  target_compile_definitions(${name} PUBLIC DURA_STATIC PRIVATE _POSIX_C_SOURCE=200809L)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  if(DURA_HOST)
    target_link_libraries(${name} PUBLIC PkgConfig::SODIUM PkgConfig::CJSON ${CMAKE_DL_LIBS} m)
  else()
    target_link_libraries(${name} PUBLIC dura_cross)
  endif()
endfunction()

dura_test_library(dura_under_test)
dura_test_flags(dura_under_test)
if(DURA_FUZZ)
  target_compile_options(dura_under_test PRIVATE -fsanitize=fuzzer-no-link)
endif()
if(DURA_FUZZ OR DURA_UNIT_ONLY)
  foreach(shipped dura dura_core dura_cli)      # nothing here needs them
    if(TARGET ${shipped})
      set_target_properties(${shipped} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
  endforeach()
endif()

# True in `out` when the source cannot be built without the host library. libsodium and the
# crypto provider on it are there on every target (cmake/CrossSodium.cmake).
function(dura_needs_host source out)
  file(STRINGS ${source} named REGEX "dura/host/|_host\\.h|\"host_|cJSON\\.h")
  list(FILTER named EXCLUDE REGEX "dura/host/crypto\\.h")
  if(named OR source MATCHES "test_host_")
    set(${out} TRUE PARENT_SCOPE)
  else()
    set(${out} FALSE PARENT_SCOPE)
  endif()
endfunction()

# All sources of a pattern that this configuration can build.
function(dura_glob out pattern)
  file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${pattern})
  list(SORT found)
  set(kept)
  foreach(source IN LISTS found)
    dura_needs_host(${source} needs)
    if(DURA_HOST OR NOT needs)
      list(APPEND kept ${source})
    endif()
  endforeach()
  set(${out} ${kept} PARENT_SCOPE)
endfunction()

# Flags and paths of one test program.
function(dura_test_settings name)
  dura_flags(${name})
  dura_test_flags(${name})
  # Criterion's macros declare what they define.
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes -Wno-pedantic -Wno-conversion
    -Wno-format-zero-length     # an empty text is allowed in dt.h's checks, a long one is cut
    "$<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-maybe-uninitialized>")
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE DT_SHARE=${DURA_TEST_SHARE} DURA_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    DURA_BINARY_DIR="${PROJECT_BINARY_DIR}" DURA_DATA_DIR="${DURA_DATA}")
endfunction()

# ctest finds a test by label: unit, thread, corpus, example, gate, python, fuzz.
function(dura_label name label)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300
    ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

# ---- plug-ins, and the hosts they meet ----------------------------------------------------

# dura_plugin_built(<name> <source> <kept headers> [definitions]): plugins/<name>.so
function(dura_plugin_built name source kept)
  add_library(${name} MODULE ${PROJECT_SOURCE_DIR}/tests/plugins/${source}.c)
  dura_flags(${name})
  target_compile_definitions(${name} PRIVATE MEET_BUILT="${kept}" ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/abi/kept/${kept}
                             ${PROJECT_SOURCE_DIR}/tests/abi/kept/1.0)
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
endfunction()

set(DURA_PLUGINS)
set(DURA_PLUGIN_HOST dura)
if(DURA_UNIT_ONLY)
  set(DURA_PLUGIN_HOST dura_under_test)
endif()
if(DURA_HOST AND NOT DURA_FUZZ)
  foreach(kept 1.0 1.3 2.0)
    dura_plugin_built(meet_${kept} plugin_meet ${kept})
    add_executable(host_${kept} ${PROJECT_SOURCE_DIR}/tests/plugins/host_meet.c)
    dura_flags(host_${kept})
    target_include_directories(host_${kept} BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/tests/abi/kept/${kept}
                               ${PROJECT_SOURCE_DIR}/tests/abi/kept/1.0)
    target_link_libraries(host_${kept} PRIVATE ${DURA_PLUGIN_HOST})
    set_target_properties(host_${kept} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
    list(APPEND DURA_PLUGINS meet_${kept} host_${kept})
  endforeach()
  dura_plugin_built(meet_1.3_needs plugin_meet 1.3 MEET_NEEDS=3)
  dura_plugin_built(planted plugin_planted 1.0)
  list(APPEND DURA_PLUGINS meet_1.3_needs planted)
  file(GLOB runtimes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/backends/*.c)
  foreach(source IN LISTS runtimes)                     # the runtimes are not needed to build these
    get_filename_component(runtime ${source} NAME_WE)
    add_library(plugin_${runtime} MODULE ${source})
    dura_flags(plugin_${runtime})
    target_include_directories(plugin_${runtime} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(plugin_${runtime} PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(plugin_${runtime} PROPERTIES PREFIX "" OUTPUT_NAME ${runtime}
                          LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  endforeach()
endif()

# ---- unit tests --------------------------------------------------------------------------

if(NOT DURA_PLAIN_RUNNER)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)
endif()

# What stands behind dt.h, once for all test programs.
if(NOT DURA_FUZZ)
  add_library(dt_main OBJECT ${PROJECT_SOURCE_DIR}/tests/dt_main.c)
  dura_test_settings(dt_main)
  if(DURA_PLAIN_RUNNER)
    target_compile_definitions(dt_main PRIVATE DT_PLAIN)
    target_link_libraries(dt_main PRIVATE dura_under_test)
  else()
    target_link_libraries(dt_main PRIVATE PkgConfig::CRITERION)
  endif()
endif()

# dura_test(<name> <source>): a test program on dt.h. Its object is a target of its own, so
# that the amalgamation is tested with the very same object.
function(dura_test name source)
  add_library(${name}_object OBJECT ${source})
  dura_test_settings(${name}_object)
  target_link_libraries(${name}_object PRIVATE dura_under_test)
  if(DURA_PLAIN_RUNNER)
    target_compile_definitions(${name}_object PRIVATE DT_PLAIN)
  else()
    target_link_libraries(${name}_object PRIVATE PkgConfig::CRITERION)
  endif()
  dura_test_link(${name} ${name})
endfunction()

# dura_test_link(<program> <test> [more sources]): link a test's object into a program.
function(dura_test_link program test)
  add_executable(${program} $<TARGET_OBJECTS:${test}_object> $<TARGET_OBJECTS:dt_main> ${ARGN})
  dura_test_settings(${program})
  target_link_libraries(${program} PRIVATE dura_under_test m)
  if(NOT DURA_PLAIN_RUNNER)
    target_link_libraries(${program} PRIVATE PkgConfig::CRITERION)
  endif()
  add_test(NAME ${program} COMMAND ${program})
  dura_label(${program} unit)
endfunction()

# Under TSan only what has threads says anything.
if(NOT DURA_FUZZ AND NOT DURA_SANITIZE STREQUAL "thread")
  dura_glob(tests "tests/test_*.c")
  foreach(source IN LISTS tests)
    get_filename_component(name ${source} NAME_WE)
    dura_test(${name} ${source})
  endforeach()
  if(TARGET test_host_backend)
    add_dependencies(test_host_backend ${DURA_PLUGINS})   # what it loads and runs
  endif()
endif()

# ---- threads: plain programs that return 0 -----------------------------------------------

if(Threads_FOUND AND NOT DURA_FUZZ AND NOT CMAKE_SYSTEM_NAME STREQUAL "Generic")
  dura_glob(threads "tests/thread_*.c")
  foreach(source IN LISTS threads)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    dura_test_settings(${name})
    target_link_libraries(${name} PRIVATE dura_under_test Threads::Threads)
    add_test(NAME ${name} COMMAND ${name})
    dura_label(${name} thread)
  endforeach()
endif()

# The rest needs an operating system that has files and processes, and has one thread.
if(CMAKE_SYSTEM_NAME STREQUAL "Generic" OR DURA_SANITIZE STREQUAL "thread")
  return()
endif()

# ---- fuzz targets: every corpus is replayed in check, libFuzzer runs under DURA_FUZZ ------

dura_glob(fuzzers "fuzz/fuzz_*.c")
if(NOT DURA_FUZZ)
  add_library(dura_replay OBJECT ${PROJECT_SOURCE_DIR}/fuzz/replay.c)
  dura_test_settings(dura_replay)
endif()
foreach(source IN LISTS fuzzers)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" entry ${name})
  string(REGEX REPLACE "_.*" "" module ${entry})
  set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${entry})
  if(DURA_FUZZ)
    add_executable(${name} ${source})
    dura_test_settings(${name})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE dura_under_test)
    set(found ${PROJECT_BINARY_DIR}/corpus/${entry})
    file(MAKE_DIRECTORY ${found})
    set(dictionary)
    if(EXISTS ${PROJECT_SOURCE_DIR}/fuzz/${module}.dict)
      set(dictionary -dict=${PROJECT_SOURCE_DIR}/fuzz/${module}.dict)
    endif()
    add_test(NAME ${name} COMMAND ${name} -max_total_time=${DURA_FUZZ_SECONDS} -timeout=10
             -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=${PROJECT_BINARY_DIR}/
             ${dictionary} ${found} ${corpus})
    dura_label(${name} fuzz)
    math(EXPR limit "${DURA_FUZZ_SECONDS} + 120")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${limit})
  else()
    add_executable(replay_${entry} ${source} $<TARGET_OBJECTS:dura_replay>)
    dura_test_settings(replay_${entry})
    target_link_libraries(replay_${entry} PRIVATE dura_under_test)
    add_test(NAME replay_${entry} COMMAND replay_${entry} ${corpus})
    dura_label(replay_${entry} corpus)
  endif()
endforeach()
if(DURA_FUZZ)
  return()
endif()
if(DURA_UNIT_ONLY)
  # The command line and the examples are not run here, but this compiler's warnings are wanted.
  if(TARGET dura_cli AND CMAKE_C_COMPILER_ID MATCHES "Clang")
    file(GLOB examples ${PROJECT_SOURCE_DIR}/examples/[0-9]*.c)
    add_library(dura_compiled OBJECT ${DURA_TOOL_SOURCES} ${examples})
    dura_flags(dura_compiled)
    target_include_directories(dura_compiled PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/tools)
    target_compile_definitions(dura_compiled PRIVATE _POSIX_C_SOURCE=200809L)
    target_link_libraries(dura_compiled PRIVATE PkgConfig::SODIUM PkgConfig::CJSON)
  endif()
  return()
endif()

# ---- examples: public headers and exported names only; the output is the last comment ----

find_package(Python3 COMPONENTS Interpreter)
if(EXISTS /usr/bin/python3)
  set(DURA_PYTHON /usr/bin/python3)     # the one that has Debian's pytest
else()
  set(DURA_PYTHON ${Python3_EXECUTABLE})
endif()
dura_glob(examples "examples/[0-9]*.c")
foreach(source IN LISTS examples)
  get_filename_component(name ${source} NAME_WE)
  set(program example_${name})
  add_executable(${program} ${source})
  dura_flags(${program})
  target_compile_definitions(${program} PRIVATE _POSIX_C_SOURCE=200809L)
  if(DURA_HOST)
    target_link_libraries(${program} PRIVATE dura)
  else()
    target_link_libraries(${program} PRIVATE dura_core)
  endif()
  add_test(NAME ${program} COMMAND ${DURA_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/run_example.py
           ${source} ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${program}>)
  dura_label(${program} example)
endforeach()

if(TARGET dura_cli AND EXISTS ${PROJECT_SOURCE_DIR}/examples/quickstart/run.sh)
  set(out ${PROJECT_BINARY_DIR}/quickstart)
  add_test(NAME example_quickstart COMMAND bash -c
    "set -eo pipefail; rm -rf '${out}' '${out}.state'; ${PROJECT_SOURCE_DIR}/examples/quickstart/run.sh \
'$<TARGET_FILE:dura_cli>' '${out}' | tee /dev/stderr | grep '^INTACT' > /dev/null")
  dura_label(example_quickstart example)
endif()

# Examples with a folder of their own (examples/<name>/<name>.c) run on public data sets that
# are not in this tree: built always, run by release where the data is.
dura_glob(plants "examples/*/*.c")
foreach(source IN LISTS plants)
  get_filename_component(name ${source} NAME_WE)
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  if(NOT name STREQUAL folder OR name STREQUAL "plant")
    continue()
  endif()
  add_executable(example_${name} ${source} ${PROJECT_SOURCE_DIR}/examples/plant/plant.c)
  dura_flags(example_${name})
  target_compile_definitions(example_${name} PRIVATE _POSIX_C_SOURCE=200809L)
  target_link_libraries(example_${name} PRIVATE dura m)
  if(CMAKE_BUILD_TYPE MATCHES "^Rel" AND EXISTS ${DURA_DATA}/${name})
    add_test(NAME data_${name} COMMAND bash -c "rm -rf '${PROJECT_BINARY_DIR}/data_${name}' && \
'$<TARGET_FILE:example_${name}>' '${DURA_DATA}' '${PROJECT_BINARY_DIR}/data_${name}'")
    dura_label(data_${name} data)
  endif()
endforeach()

# ---- benches: built for release only, run by hand and by CI ------------------------------

dura_glob(benches "bench/bench_*.c")
if(benches AND CMAKE_BUILD_TYPE MATCHES "^Rel")
  dura_test_library(dura_bench)         # as released: no assertions, no sanitizers
  foreach(source IN LISTS benches)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    dura_flags(${name})
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE DURA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE dura_bench ${CMAKE_DL_LIBS} m)
    file(STRINGS ${source} sqlite REGEX "<sqlite3.h>" LIMIT_COUNT 1)
    if(sqlite)                          # the peer of the log bench
      pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
      target_link_libraries(${name} PRIVATE PkgConfig::SQLITE)
    endif()
  endforeach()
endif()

# ---- Python, on the library as it is released --------------------------------------------

# Three tests of about the same length, so that two processors have something to do.
file(GLOB python_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/python/test_*.py
     ${PROJECT_SOURCE_DIR}/bindings/python/tests/test_*.py)
file(GLOB cli_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/test_*.py)
if(DURA_HOST)
  set(turn a)
  foreach(test IN LISTS cli_tests)
    list(APPEND cli_tests_${turn} ${test})
    string(COMPARE EQUAL ${turn} a first)
    if(first)
      set(turn b)
    else()
      set(turn a)
    endif()
  endforeach()
  set(parts python python_tests cli_a cli_tests_a cli_b cli_tests_b)
  while(parts)
    list(POP_FRONT parts name list)
    if(${list})
      add_test(NAME ${name} COMMAND ${DURA_PYTHON} -m pytest -q -p no:cacheprovider ${${list}}
               WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
      dura_label(${name} python)
      set_tests_properties(${name} PROPERTIES COST 100 ENVIRONMENT
        "DURA_LIBRARY=$<TARGET_FILE:dura>;DURA_CLI=$<TARGET_FILE_DIR:dura>/dura;DURA_DATA=${DURA_DATA};PYTHONDONTWRITEBYTECODE=1;PYTHONPATH=${PROJECT_SOURCE_DIR}/bindings/python")
    endif()
  endwhile()
endif()

# ---- the amalgamation passes the core's tests --------------------------------------------

if(DURA_PLAIN_RUNNER OR NOT DURA_SANITIZE)
  return()                              # the rest belongs to check and clang
endif()

set(amalgam ${PROJECT_BINARY_DIR}/amalgamation)
file(GLOB core_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/dura/*.h
     ${PROJECT_SOURCE_DIR}/src/*/*_priv.h)
add_custom_command(OUTPUT ${amalgam}/dura.c ${amalgam}/dura.h
  COMMAND ${DURA_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/amalgamate.py --out ${amalgam}
  DEPENDS ${PROJECT_SOURCE_DIR}/scripts/amalgamate.py ${DURA_CORE_SOURCES} ${core_headers} VERBATIM)
add_library(dura_amalgamated OBJECT ${amalgam}/dura.c)
dura_flags(dura_amalgamated)
dura_test_flags(dura_amalgamated)
target_compile_definitions(dura_amalgamated PRIVATE DURA_STATIC)
foreach(module IN LISTS DURA_CORE_MODULES)
  if(TARGET test_${module})
    # Its one object defines every core name, so the archive's core members stay out.
    dura_test_link(amalgamated_${module} test_${module} $<TARGET_OBJECTS:dura_amalgamated>)
    dura_label(amalgamated_${module} amalgamated)
  endif()
endforeach()

# ---- gates: scripts that look at the tree and at what was built --------------------------

if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
  return()                              # once is enough
endif()

# dura_gate(<name> <script> [arguments]): a ctest if the script is there. What takes longer
# than a few seconds (MISRA counts, every planted fault, footprint) is a step of .ci/run.
function(dura_gate name script)
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/scripts/${script})
    return()
  endif()
  set(run bash)
  if(script MATCHES "\\.py$")
    set(run ${DURA_PYTHON})
  endif()
  add_test(NAME ${name} COMMAND ${run} ${PROJECT_SOURCE_DIR}/scripts/${script} ${ARGN}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  dura_label(${name} gate)
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endfunction()

dura_gate(gate_headers check_headers.py)
dura_gate(gate_functions check_functions.py)
dura_gate(gate_includes check_includes.py)
dura_gate(gate_spdx check_spdx.py)
dura_gate(gate_words check_words.py)
dura_gate(gate_docs check_docs.py)
dura_gate(gate_attacks check_attacks.py)
dura_gate(gate_languages check_languages.sh)
dura_gate(gate_core_alone check_core.sh ${CMAKE_C_COMPILER})
dura_gate(gate_generated_fields gen_fields.py --check)
dura_gate(gate_generated_layout gen_layout.py --check)
dura_gate(gate_generated_symbols gen_symbols.py --check)
dura_gate(gate_generated_python gen_abi_py.py --check)
dura_gate(gate_generated_crc gen_crc.py --check)
dura_gate(gate_generated_errors gen_errors.py --check)
dura_gate(gate_generated_evidence gen_evidence.py --check)
dura_gate(gate_generated_catalogs gen_catalogs.py --check)
dura_gate(gate_catalogs check_catalogs.py)
dura_gate(gate_generated_corpus make_corpus_policy.py --check)
dura_gate(gate_layout_lock check_layout.sh)
dura_gate(gate_abi check_abi.sh)
dura_gate(gate_torture check_torture.sh)
dura_gate(gate_planted check_planted.sh --quick)
if(DURA_HOST)
  dura_gate(gate_symbols check_symbols.sh $<TARGET_FILE:dura> $<TARGET_FILE:dura_core>)
  dura_gate(gate_consumer check_consumer.sh ${PROJECT_BINARY_DIR})
endif()
