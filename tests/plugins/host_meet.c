/* SPDX-License-Identifier: Apache-2.0 */
/* A host for the meeting table, built with every kept header: loads a plug-in, says what came. */
#include <dura/host/backend.h>

#include <stdio.h>

static const void *nothing(void *user, const char *name)
{
    (void)user, (void)name;
    return NULL;
}

#if DURA_BACKEND_MAJOR == 1
static int use(const dura_backend *b)
{
    uint64_t mem[64];
    const float in[2] = {1.0f, 2.0f};
    float out[1] = {0.0f};
    size_t bytes = 0, align = 0;
    if (b->mem_req(NULL, "x", 1, &bytes, &align) != DURA_OK || bytes > sizeof mem || b->open(mem, NULL, "x", 1) != DURA_OK)
        return 1;
    if (b->run(mem, in, 2, out, 1, 0) != DURA_OK)
        return 1;
    printf(", ran: %g", (double)out[0]);
#ifdef DURA_EXT_TRACE
    const dura_ext_trace *t = b->get_extension(mem, DURA_EXT_TRACE);
    printf(", trace: %s", t ? t->runs(mem) == 1 ? "counts" : "wrong" : "lost");
#endif
    return 0;
}
#else
static int use(const dura_backend *b)
{
    const dura_backend_2 *two = (const void *)b;
    printf(", ran: %d", (int)two->run(NULL, NULL, NULL));
    return 0;
}
#endif

int main(int argc, char **argv)
{
    const dura_backend_host host = {sizeof host, DURA_BACKEND_MAJOR, DURA_BACKEND_MINOR, NULL, nothing};
    uint8_t digest[32];
    dura_plugin *p = NULL;
    dura_error err;
    char text[1024];
    if (argc != 2 || dura_plugin_digest(argv[1], digest, &err) != DURA_OK)
        return 2;
    int rc = dura_plugin_load(&p, argv[1], digest, &host, &err);
    if (rc != DURA_OK) {
        printf("%s: %s\n", dura_errname(rc), dura_error_text(&err, text, sizeof text));
        return 1;
    }
    printf("loaded %s %s", dura_plugin_entry(p)->id, dura_plugin_entry(p)->version);
    rc = use(dura_plugin_backend(p));
    printf("\n");
    dura_plugin_unload(p);
    return rc;
}
