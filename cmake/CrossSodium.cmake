# SPDX-License-Identifier: Apache-2.0
# dura_cross_sodium: Ed25519, SHA-256, SHA-512 and HMAC-SHA-256 of libsodium for a target
# that has no package of it. The files are libsodium's own reference code, unchanged; the
# build is ours because its configure script needs autotools and asks the operating system
# for what a microcontroller does not have. Randomness and sodium_init() come from
# tests/target/cross_sodium_stub.c. For tests only: a product brings its own provider.

include_guard()

set(DURA_SODIUM_SOURCE ${PROJECT_SOURCE_DIR}/build/_deps/libsodium-src CACHE PATH "Unpacked source of libsodium 1.0.18")
if(NOT EXISTS ${DURA_SODIUM_SOURCE}/src/libsodium/sodium/utils.c)
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/cross/fetch_sodium.sh ${DURA_SODIUM_SOURCE}
                  RESULT_VARIABLE fetched)
  if(NOT fetched EQUAL 0)
    message(FATAL_ERROR "libsodium's source is needed: scripts/cross/fetch_sodium.sh failed, "
                        "or give -DDURA_SODIUM_SOURCE=<unpacked libsodium 1.0.18>")
  endif()
endif()

set(root ${DURA_SODIUM_SOURCE}/src/libsodium)
set(VERSION 1.0.18)
set(SODIUM_LIBRARY_VERSION_MAJOR 10)
set(SODIUM_LIBRARY_VERSION_MINOR 3)
# A copy, because its headers include each other by relative path and version.h is made.
set(include ${PROJECT_BINARY_DIR}/sodium/include)
file(COPY ${root}/include/ DESTINATION ${include})
configure_file(${root}/include/sodium/version.h.in ${include}/sodium/version.h @ONLY)

set(files
  crypto_auth/hmacsha256/auth_hmacsha256.c
  crypto_core/ed25519/ref10/ed25519_ref10.c
  crypto_hash/sha256/cp/hash_sha256_cp.c
  crypto_hash/sha256/hash_sha256.c
  crypto_hash/sha512/cp/hash_sha512_cp.c
  crypto_hash/sha512/hash_sha512.c
  crypto_sign/crypto_sign.c
  crypto_sign/ed25519/ref10/keypair.c
  crypto_sign/ed25519/ref10/open.c
  crypto_sign/ed25519/ref10/sign.c
  crypto_sign/ed25519/sign_ed25519.c
  crypto_verify/sodium/verify.c
  sodium/codecs.c
  sodium/utils.c
  sodium/version.c)
list(TRANSFORM files PREPEND ${root}/)

add_library(dura_cross_sodium STATIC ${files} ${PROJECT_SOURCE_DIR}/tests/target/cross_sodium_stub.c)
set_target_properties(dura_cross_sodium PROPERTIES C_STANDARD 99 C_EXTENSIONS ON)
target_compile_options(dura_cross_sodium PRIVATE -w -O2 -ffunction-sections -fdata-sections)
target_compile_definitions(dura_cross_sodium PUBLIC SODIUM_STATIC PRIVATE CONFIGURED=1 HAVE_WEAK_SYMBOLS=1)
target_include_directories(dura_cross_sodium SYSTEM PUBLIC ${include} PRIVATE ${include}/sodium)
