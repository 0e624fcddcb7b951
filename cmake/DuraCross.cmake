# SPDX-License-Identifier: Apache-2.0
# What test programs need on a target without an operating system or without packages:
# dura_cross, an interface library with the start file (Cortex-M), libsodium's reference
# code (everywhere but on the host), and the plain runner's definitions.

include_guard()
add_library(dura_cross INTERFACE)

if(DURA_TARGET_ARM)
  add_library(dura_target OBJECT ${PROJECT_SOURCE_DIR}/tests/target/dt_start.c)
  dura_flags(dura_target)
  target_compile_options(dura_target PRIVATE -O2)   # the instruction counter's own length
  target_include_directories(dura_cross INTERFACE ${PROJECT_SOURCE_DIR}/tests/target)
  target_compile_definitions(dura_cross INTERFACE DT_TARGET_ARM)
  # newlib's uint32_t is `unsigned long`, as wide as the `unsigned` of %u but another type.
  target_compile_options(dura_cross INTERFACE -Wno-format)
  target_link_libraries(dura_cross INTERFACE $<TARGET_OBJECTS:dura_target>)
endif()

if(NOT DURA_HOST)
  include(CrossSodium)
  target_link_libraries(dura_cross INTERFACE dura_cross_sodium)
endif()
