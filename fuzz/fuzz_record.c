/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as one record. What the decoder accepts is in the one allowed encoding, says
 * the same thing when decoded again, and becomes one line of JSON: no control characters,
 * balanced, as long as was announced, and cut at no length.
 */
#include <dura/host/record.h>
#include "base/dura_base_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
    if (!ok)
        abort();
}

/* One object, its strings and brackets closed. */
static void check_line(const char *s, size_t n)
{
    long depth = 0;
    int in_string = 0;
    require(n >= 2 && s[0] == '{' && s[n - 1] == '}' && s[n] == '\0');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        require(c >= 0x20);
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = 0;
            continue;
        }
        in_string = c == '"';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        require(depth > 0 || i == n - 1);
    }
    require(!in_string && depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a \"name\"", "b"};
    dura_record_names with = DURA_RECORD_NAMES_INIT;
    dura_record r, again;
    size_t need = 0, len;
    if (dura_record_decode(data, size, &r) != DURA_OK)
        return 0;
    require(durai_cbor_check(data, size) == DURA_OK);
    require(r.len == size && r.cbor == data && r.payload + r.payload_len == data + size);
    require(r.log == DURA_LOG_SECURITY || r.log == DURA_LOG_DECISION);
    require(dura_record_decode(data, size, &again) == DURA_OK && memcmp(&r, &again, sizeof r) == 0);
    with.channels = with.outputs = names;
    with.n_channels = with.n_outputs = 2;
    require(dura_record_json(&r, &with, NULL, &need) == DURA_ENOSPC && need > 1);
    char *line = malloc(need);
    require(line != NULL);
    len = need - 1;
    require(dura_record_json(&r, &with, line, &len) == DURA_ENOSPC && len == need);
    require(dura_record_json(&r, &with, line, &len) == DURA_OK && len == need - 1);
    check_line(line, len);
    free(line);
    return 0;
}
