# SPDX-License-Identifier: Apache-2.0
# The host library (core + libsodium + cJSON + POSIX files), the command line, installation.

include_guard()
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)

dura_sources(DURA_HOST_SOURCES host)

# The drift monitor a second time, for vectors of eight; taken where the processor has them.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/host/dura_host_drift_wide.c PROPERTIES COMPILE_OPTIONS -mavx2)
endif()

# The shared library: what vendors on Linux, Python and the command line use.
dura_library(dura SHARED SOURCES ${DURA_CORE_SOURCES} ${DURA_HOST_SOURCES})
target_compile_definitions(dura PRIVATE _POSIX_C_SOURCE=200809L)
target_link_libraries(dura PRIVATE PkgConfig::SODIUM PkgConfig::CJSON ${CMAKE_DL_LIBS} m)
target_link_options(dura PRIVATE -Wl,--no-undefined)   # a name nobody defines is found here
set_target_properties(dura PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
if(EXISTS ${PROJECT_SOURCE_DIR}/src/dura.map)
  target_link_options(dura PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/dura.map)
  set_target_properties(dura PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/src/dura.map)
endif()
add_library(dura::dura ALIAS dura)

file(GLOB DURA_TOOL_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/*.c)
if(DURA_TOOL_SOURCES)
  # The page of `dura report`, as bytes.
  set(page ${CMAKE_CURRENT_BINARY_DIR}/dura_report_page.c)
  file(GLOB page_parts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/report/page.*)
  add_custom_command(OUTPUT ${page} DEPENDS ${page_parts} ${PROJECT_SOURCE_DIR}/cmake/EmbedPage.cmake
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/tools/report -DOUT=${page}
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedPage.cmake VERBATIM)
  # The verifier that `dura evidence` puts into every pack.
  set(verifier ${CMAKE_CURRENT_BINARY_DIR}/dura_evidence_verifier.c)
  add_custom_command(OUTPUT ${verifier} DEPENDS ${PROJECT_SOURCE_DIR}/tools/evidence/verify.py ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake
    COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/tools/evidence/verify.py -DNAME=dura_evidence_verifier -DOUT=${verifier}
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake VERBATIM)
  add_executable(dura_cli ${DURA_TOOL_SOURCES} ${page} ${verifier})
  target_include_directories(dura_cli PRIVATE ${PROJECT_SOURCE_DIR}/tools)
  dura_flags(dura_cli)
  target_compile_definitions(dura_cli PRIVATE _POSIX_C_SOURCE=200809L)
  target_link_libraries(dura_cli PRIVATE dura ${CMAKE_DL_LIBS} m)
  # What a plug-in allocates and locks is counted by these (tools/dura_backend_count.c).
  foreach(counted malloc calloc realloc aligned_alloc posix_memalign free pthread_mutex_lock)
    target_link_options(dura_cli PRIVATE -Wl,--export-dynamic-symbol=${counted})
  endforeach()
  set_target_properties(dura_cli PROPERTIES OUTPUT_NAME dura INSTALL_RPATH $ORIGIN/../${CMAKE_INSTALL_LIBDIR})
  install(TARGETS dura_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

include(DuraInstall)
