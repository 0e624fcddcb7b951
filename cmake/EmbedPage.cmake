# SPDX-License-Identifier: Apache-2.0
# cmake -DFOLDER=<tools/report> -DOUT=<file.c> -P EmbedPage.cmake
# Joins page.html, page.css and page.js into one page and writes it as bytes of C: a string
# literal may not be that long in C99, and an assembler's .incbin is not everywhere.

foreach(part html css js)
  file(READ ${FOLDER}/page.${part} ${part})
endforeach()
string(REPLACE "<!--dura:style-->" "${css}" html "${html}")
string(REPLACE "<!--dura:script-->" "${js}" html "${html}")
file(WRITE ${OUT}.html "${html}")
file(READ ${OUT}.html bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR count "${digits} / 2")
string(REPEAT "." 40 twenty_bytes)     # digits of a line
string(REGEX REPLACE "(${twenty_bytes})" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "/* generated from tools/report by cmake/EmbedPage.cmake */
#include \"dura_report_page.h\"
const unsigned char dura_report_page[] = {
${bytes}};
const size_t dura_report_page_bytes = ${count};
")
