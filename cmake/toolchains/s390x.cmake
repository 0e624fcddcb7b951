# SPDX-License-Identifier: Apache-2.0
# s390x Linux, the big-endian target, run by qemu-user. Linked statically: the emulator then
# needs no library path.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER s390x-linux-gnu-gcc)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Strict C99 makes gcc evaluate floats as doubles on this target, for the sake of old
# headers; the core wants FLT_EVAL_METHOD 0 everywhere.
set(CMAKE_C_FLAGS_INIT -fexcess-precision=fast)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x)
