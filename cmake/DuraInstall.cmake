# SPDX-License-Identifier: Apache-2.0
# Installation: headers, the libraries, find_package(dura) and dura.pc.
#   dura::dura   the shared library with core and host
#   dura::core   the core alone, static; links to nothing

include_guard()
include(CMakePackageConfigHelpers)
set(DURA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/dura)
set_target_properties(dura_core PROPERTIES EXPORT_NAME core)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/dura DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.h)
install(TARGETS dura dura_core EXPORT duraTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT duraTargets NAMESPACE dura:: DESTINATION ${DURA_CMAKE_DIR})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/duraConfig.cmake.in duraConfig.cmake
                              INSTALL_DESTINATION ${DURA_CMAKE_DIR})
# Before 1.0 a minor release may break: the version file says so.
write_basic_package_version_file(duraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/duraConfig.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/duraConfigVersion.cmake DESTINATION ${DURA_CMAKE_DIR})

# dura.pc finds its folders from where it lies, so a staged copy works without a rewrite.
file(RELATIVE_PATH DURA_PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${PROJECT_SOURCE_DIR}/cmake/dura.pc.in dura.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/dura.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
