# SPDX-License-Identifier: Apache-2.0
# Cortex-M4 with FPU, newlib and semihosting, run by QEMU as board mps2-an386.
# cmake/DuraCross.cmake adds the start file; the linker script is tests/target/mps2_an386.ld.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)    # nothing links without our start file
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

get_filename_component(dura_root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(CMAKE_C_FLAGS_INIT "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -fsanitize-undefined-trap-on-error -ffunction-sections -fdata-sections")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles --specs=rdimon.specs -Wl,--gc-sections -T ${dura_root}/tests/target/mps2_an386.ld")
set(CMAKE_CROSSCOMPILING_EMULATOR ${dura_root}/scripts/cross/run_arm.sh)
set(DURA_TARGET_ARM ON)
