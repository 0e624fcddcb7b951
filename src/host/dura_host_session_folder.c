/* SPDX-License-Identifier: Apache-2.0 */
/* The run folder: claimed, filled, taken up again, or given back. */
#include "dura_host_session_priv.h"

#include <dura/host/record.h>
#include <dura/host/verify.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/dura_base_priv.h"

/* ---- the run folder ------------------------------------------------------------------- */

static int is_empty(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;
    if (!d)
        return -1;
    while ((e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n == 0;
}

int durai_session_claim(dura_session *s, dura_error *err)
{
    static const char *const marks[] = {"security.log/checkpoint", "decision.log/checkpoint"};
    char path[PATH_ROOM];
    int closed = 1, made = mkdir(s->out, 0755) == 0;
    if (!made && errno != EEXIST)
        return dura_error_set(err, DURA_EIO, s->out, 0, "--out", "cannot be made: %s", strerror(errno));
    s->made_out = made;
    int empty = is_empty(s->out);
    if (empty < 0)
        return dura_error_set(err, DURA_EIO, s->out, 0, "--out", "is not a folder that can be read: %s", strerror(errno));
    if (!(s->flags & DURA_SESSION_RESUME)) {
        if (!empty)
            return dura_error_set(err, DURA_ESTATE, s->out, 0, "--out",
                                  "holds files already; give a new folder, or --resume to go on in it");
        s->fresh = 1;
        return DURA_OK;
    }
    for (int i = 0; i < 2; i++) {
        if (!durai_host_join(path, sizeof path, s->out, marks[i]))
            return durai_session_too_long(s->out, err);
        closed &= access(path, F_OK) == 0;
    }
    if (closed && !(s->flags & DURA_SESSION_PEOPLE))
        return dura_error_set(err, DURA_ESTATE, s->out, 0, "--resume", "the run is closed; start a new one");
    return DURA_OK;
}

int durai_session_unmark(const dura_session *s, dura_error *err)
{
    int rc = s->flags & DURA_SESSION_RESUME ? dura_checkpoint_reset(s->out, err) : DURA_OK;
    return rc == DURA_ENOENT ? DURA_OK : rc;
}

/* The same policy and model as before, or resuming would tell two stories as one. */
static int same_as_before(const dura_session *s, const char *name, const uint8_t *p, size_t n, dura_error *err)
{
    uint8_t *old;
    size_t len;
    int rc = durai_host_read_in(s->out, name, &old, &len, err);
    if (rc == DURA_ENOENT)
        return DURA_OK; /* killed before it was written */
    if (rc != DURA_OK)
        return rc;
    int equal = len == n && memcmp(old, p, n) == 0;
    free(old);
    return equal ? DURA_OK
                 : dura_error_set(err, DURA_ESTATE, s->out, 0, name,
                                  "differs from what this run began with; resume with the same, or start a new run");
}

int durai_session_fill(const dura_session *s, const uint8_t *json, size_t n, dura_error *err)
{
    int rc = DURA_OK;
    if (s->flags & DURA_SESSION_RESUME) {
        rc = same_as_before(s, "policy.bin", s->policy, s->policy_len, err);
        if (rc == DURA_OK)
            rc = same_as_before(s, "model.bin", s->image, s->image_len, err);
    }
    if (rc == DURA_OK)
        rc = durai_host_write_in(s->out, "policy.json", json, n, err);
    if (rc == DURA_OK)
        rc = durai_host_write_in(s->out, "policy.bin", s->policy, s->policy_len, err);
    if (rc == DURA_OK)
        rc = durai_host_write_in(s->out, "model.bin", s->image, s->image_len, err);
    return rc;
}

/* ---- what an earlier part of the run left ------------------------------------------------ */

int durai_session_origin(const dura_session *s, uint8_t origin[DURA_ORIGIN_BYTES])
{
    char path[PATH_ROOM];
    uint8_t head[64];
    if (!durai_host_join(path, sizeof path, s->out, "security.log/00000000.seg"))
        return 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (n != sizeof head || durai_le32(head) != 0x31475344u)
        return 0;
    memcpy(origin, head + 48, DURA_ORIGIN_BYTES);
    return 1;
}

int durai_session_progress(dura_session *s, uint64_t kept, dura_error *err)
{
    dura_records *in;
    dura_record rec;
    uint64_t v;
    int rc = dura_records_open(&in, s->out, DURA_LOG_DECISION, err);
    if (rc != DURA_OK)
        return rc;
    memset(&rec, 0, sizeof rec);
    rec.struct_size = sizeof rec;
    s->next_frame = s->recorded = 0;
    while ((rc = dura_records_next(in, &rec, err)) == 1) {
        if (rec.seq >= kept)
            continue;
        s->recorded = rec.seq + 1;
        if (rec.kind == DURA_REC_DECISION && dura_record_uint(&rec, 16, &v) == DURA_OK && v >= s->next_frame)
            s->next_frame = v + 1;
        if (rec.kind == DURA_REC_SEAL && dura_record_uint(&rec, 16, &v) == DURA_OK)
            s->epoch = (uint32_t)v + 1u;
        if (rec.time.mono_ns > s->last.mono_ns)
            s->last = rec.time;
    }
    dura_records_close(in);
    return rc;
}

/* ---- given back ---------------------------------------------------------------------- */

/* Every file in `path`, then the folder; whatever else is there stays. */
static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    if (!d)
        return;
    while ((e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    (void)rmdir(path);
}

void durai_session_forget(const char *out, const char *keys, int made_out)
{
    static const char *const files[] = {"policy.json", "policy.bin", "model.bin"};
    static const char *const logs[] = {"security.log", "decision.log"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < 3; i++)
        if (durai_host_join(path, sizeof path, out, files[i]))
            (void)unlink(path);
    for (size_t i = 0; i < 2; i++)
        if (durai_host_join(path, sizeof path, out, logs[i]))
            remove_folder(path);
    if (made_out)
        (void)rmdir(out);
    if (*keys)
        remove_folder(keys);
}
