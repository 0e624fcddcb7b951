# SPDX-License-Identifier: Apache-2.0
# i386 Linux, run as it is. SSE2 because x87 keeps floats in 80 bits and so gives other
# results (FLT_EVAL_METHOD 2), which the core refuses to compile with. The compiler is
# gcc-12 by name: package gcc-multilib excludes every cross compiler, gcc-12-multilib none. It lacks
# only the link /usr/include/asm, which the last option stands in for.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc-12)
set(CMAKE_C_FLAGS_INIT "-m32 -msse2 -mfpmath=sse -idirafter /usr/include/x86_64-linux-gnu")
