/* SPDX-License-Identifier: Apache-2.0 */
/* The page of `dura report`, made of tools/report/ when the tool is built. */
#ifndef DURA_REPORT_PAGE_H
#define DURA_REPORT_PAGE_H

#include <stddef.h>

extern const unsigned char dura_report_page[];
extern const size_t dura_report_page_bytes;

#endif
