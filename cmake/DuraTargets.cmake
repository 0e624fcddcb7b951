# SPDX-License-Identifier: Apache-2.0
# How every target of dura is compiled.

include_guard()

# All sources of the named modules, in a stable order.
function(dura_sources out)
  set(all)
  foreach(module IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${module}/*.c)
    list(SORT found)
    list(APPEND all ${found})
  endforeach()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# Language, warnings, and the flags that make results equal on every target.
function(dura_flags target)
  set_target_properties(${target} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
                        C_VISIBILITY_PRESET hidden)
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-common
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wundef -Wcast-qual -Wvla -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
    $<$<BOOL:${DURA_WERROR}>:-Werror>)
endfunction()

# Sanitizers and assertions, for what the tests link.
function(dura_test_flags target)
  target_compile_definitions(${target} PRIVATE DURA_ASSERTS)
  if(DURA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DURA_SANITIZE} -fno-sanitize-recover=all
                           -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${DURA_SANITIZE})
  endif()
endfunction()

# dura_library(<name> <STATIC|SHARED|OBJECT> SOURCES ...): a library with dura's flags and headers.
function(dura_library name kind)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  add_library(${name} ${kind} ${ARG_SOURCES})
  dura_flags(${name})
  target_include_directories(${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
endfunction()
