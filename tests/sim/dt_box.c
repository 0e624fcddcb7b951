/* SPDX-License-Identifier: Apache-2.0 */
/* A whole box in memory; see dt_box.h. */
#include "dt_box.h"

#include "../../src/guard/dura_guard_priv.h"

void dt_spec_init(dt_spec *s)
{
    memset(s, 0, sizeof *s);
    s->channels = 4;
    s->outputs = 1;
    s->mode = DURA_ENFORCE;
    s->on_violation = 1;
    s->checks = DURA_CHECK_TIME | DURA_CHECK_FINITE | DURA_CHECK_RANGE;
    s->lo = 0.0f;
    s->hi = 100.0f;
    s->out_lo = 0.0f;
    s->out_hi = 50.0f;
    s->out_safe = 5.0f;
    s->recover_frames = 1;
    s->seal_records = 32;
}

/* ---- the policy image, from docs/formats/policy.md ---------------------------------- */

static void put_f32(uint8_t *p, float f) { durai_put32(p, durai_f32_bits(f)); }

static void put_channel(uint8_t *p, const dt_spec *s)
{
    int range = s->checks & DURA_CHECK_RANGE, rate = s->checks & DURA_CHECK_RATE, flat = s->checks & DURA_CHECK_FLAT;
    p[0] = 1;
    durai_put16(p + 2, s->checks);
    put_f32(p + 4, range ? s->lo : 0.0f);
    put_f32(p + 8, range ? s->lo : 0.0f);
    put_f32(p + 12, range ? s->hi : 0.0f);
    put_f32(p + 16, range ? s->hi : 0.0f);
    put_f32(p + 24, rate ? s->rate_fail : 0.0f);
    durai_put32(p + 36, flat ? s->flat_fail_ms : 0);
    durai_put32(p + 40, s->max_age_ms);
    durai_put32(p + 44, s->hold_channel_ms);
}

static void put_output(uint8_t *p, const dt_spec *s)
{
    put_f32(p, s->out_lo);
    put_f32(p + 4, s->out_hi);
    put_f32(p + 8, s->out_rate);
    put_f32(p + 12, s->out_safe);
    p[16] = 1;
    p[17] = s->on_violation;
}

static void put_guard(uint8_t *p, const dt_spec *s)
{
    durai_put32(p, s->hold_ms);
    durai_put32(p + 4, s->recover_frames);
    durai_put32(p + 8, 60000);
    durai_put32(p + 12, s->deadline_us);
}

static void put_logs(uint8_t *p, const dt_spec *s)
{
    durai_put32(p, s->ring_bytes);
    durai_put32(p + 4, s->buffer_bytes);
    durai_put32(p + 8, DT_BOX_SEGMENT);
    durai_put32(p + 12, s->commit_records);
    durai_put32(p + 20, s->seal_records);
    durai_put32(p + 24, s->seal_ms);
    durai_put16(p + 28, s->max_record);
    p[30] = s->tree_height;
}

/* Begin section `type` of n records; returns where its bytes go. */
static uint8_t *section(uint8_t *image, size_t *end, uint32_t type, size_t n, size_t bytes)
{
    uint8_t *entry = image + 16 + 12 * (type - 1);
    *end = (*end + 7u) & ~(size_t)7u;
    durai_put16(entry, (uint16_t)type);
    durai_put16(entry + 2, (uint16_t)n);
    durai_put32(entry + 4, (uint32_t)*end);
    durai_put32(entry + 8, (uint32_t)bytes);
    *end += bytes;
    return image + *end - bytes;
}

static size_t names(uint8_t *p, const dt_spec *s)
{
    size_t n = 0;
    int things = s->channels + s->outputs + (s->features ? 2 * s->channels : 0);
    for (int i = 0; i < things; i++) {
        if (p) {
            p[n] = i < s->channels ? 'c' : i < s->channels + s->outputs ? 'o' : 'f';
            p[n + 1] = (uint8_t)('A' + i);
        }
        n += 4; /* two letters, its end, an empty unit */
    }
    return n;
}

static uint8_t *put_features(uint8_t *image, size_t *end, const dt_spec *s)
{
    uint16_t n = s->features ? (uint16_t)(2u * s->channels) : 0;
    uint8_t *p = section(image, end, 9, n, 24u * n);
    for (uint16_t i = 0; i < n; i++, p += 24) {
        put_f32(p + 4, 1.0f);
        durai_put16(p + 12, (uint16_t)(i / 2));
        durai_put16(p + 14, DURA_NONE);
        durai_put16(p + 16, i % 2 ? 4 : 0);
        p[18] = i % 2 ? DURA_FEATURE_MEAN : DURA_FEATURE_VALUE;
    }
    return p;
}

static void put_watch(uint8_t *image, size_t *end, const dt_spec *s)
{
    uint16_t n = s->arl0 > 0 ? (uint16_t)(s->channels + s->outputs) : 0;
    uint16_t t2 = (uint16_t)(s->channels + s->outputs + (s->features ? 2 * s->channels : 0));
    uint8_t *p = section(image, end, 10, n > 0, n > 0 ? 24 : 0);
    if (n) {
        put_f32(p, s->arl0);
        durai_put16(p + 4, s->selftest);
        durai_put16(p + 6, s->confirm);
        put_f32(p + 8, s->detector ? s->shift : 0.0f);
        p[20] = s->detector;
    }
    uint16_t m = (uint16_t)(n + s->shapes);
    p = section(image, end, 11, m, 64u * m);
    for (uint16_t i = 0; i < m; i++, p += 64) {
        durai_put16(p, i < n ? i : t2);
        durai_put32(p + 4, 5000);
        put_f32(p + 8, i < n ? s->ref : 0.0f);
        put_f32(p + 12, 1.0f);
        put_f32(p + 52, s->detector ? s->shift : 0.0f);
        put_f32(p + 56, s->detector ? s->limit : 0.0f);
    }
    p = section(image, end, 12, s->correlate, s->correlate ? 16 : 0);
    if (s->correlate) {
        durai_put32(p, 300000);
        durai_put32(p + 4, s->quiet_ms ? s->quiet_ms : 60000);
        durai_put32(p + 8, 3600000);
        durai_put16(p + 12, 10);
        durai_put16(p + 14, 10);
    }
}

static void put_updates(uint8_t *image, size_t *end, const dt_spec *s)
{
    uint8_t *p = section(image, end, 13, s->slot_bytes > 0, s->slot_bytes ? 136 : 0);
    if (s->slot_bytes) {
        durai_put32(p, s->slot_bytes);
        durai_put32(p + 4, s->probation_frames ? s->probation_frames : 10);
        put_f32(p + 8, s->max_disagreement);
        durai_put32(p + 12, 65536);
        p[20] = s->min_clock;
        p[21] = 1;
        p[23] = s->approve;
        durai_put32(p + 24, s->require);
        durai_put32(p + 28, s->shadow_frames);
        put_f32(p + 32, s->shadow_disagreement);
        p[36] = s->incident_role;
        p[37] = s->emergency_role;
        p[54] = s->rollback_role;
        p[55] = s->substantial_role;
        durai_put32(p + 56, s->planned);
        put_f32(p + 60, s->shadow_latency);
        put_f32(p + 64, s->shadow_drift);
        memcpy(p + 71, s->label_map, 32);
    }
    (void)section(image, end, 14, 0, 0);
}

/* A spike check on channel 0, a vote of 0, 1 and 2, and a rule: 3 is below 60 while 0 is
 * above 90. */
static void put_checks(uint8_t *image, size_t *end, const dt_spec *s)
{
    uint16_t n = s->relations ? 3 : 0;
    uint8_t *p = section(image, end, 15, n, 56u * n);
    if (n) {
        put_f32(p + 4, 20.0f);          /* spike: fail */
        durai_put16(p + 42, DURA_NONE);
        p[52] = DURA_CK_SPIKE;
        p += 56;
        put_f32(p + 4, 5.0f);           /* vote: fail */
        durai_put16(p + 40, DURA_NONE);
        durai_put16(p + 42, DURA_NONE);
        durai_put16(p + 48, 3);
        p[52] = DURA_CK_VOTE;
        p += 56;
        put_f32(p + 16, 0.0f);          /* rule: lo, hi, if_lo, if_hi, channel, other */
        put_f32(p + 20, 60.0f);
        put_f32(p + 24, 90.0f);
        put_f32(p + 28, 100.0f);
        durai_put16(p + 40, 3);
        p[52] = DURA_CK_RULE;
        p[53] = DURA_FAIL;
    }
    p = section(image, end, 16, 2u * n, 8u * n);
    for (uint16_t i = 0; i < n; i++, p += 8)
        durai_put16(p, i);
}

/* One edge at the reference; z of both channels along their diagonal, and across it. */
static void put_shapes(uint8_t *image, size_t *end, const dt_spec *s)
{
    const float numbers[] = {s->ref, 0.5f, 0.5f,
                             s->ref, s->ref, 1.0f, 1.0f, 1.0f, 0.70710678f, 0.70710678f, 1.0f, 0.8f, 0.3f, 0.8f, 0.3f};
    uint16_t n = s->shapes, words = n ? 17 : 0;
    uint8_t *p = section(image, end, 17, n, 16u * n);
    if (n) {
        durai_put32(p, 5000);
        durai_put16(p + 8, 2);
        p[12] = 1; /* whitened: bins of z, whose edge is 0 */
    }
    p = section(image, end, 18, n, 16u * n);
    if (n) {
        durai_put32(p, 5000);
        put_f32(p + 4, 0.1f);
        durai_put16(p + 8, 2);
        durai_put16(p + 10, 1);
        durai_put16(p + 12, 3);
    }
    p = section(image, end, 19, words, 4u * words);
    for (uint32_t i = 0; n && i < 3; i++, p += 4)
        put_f32(p, i ? numbers[i] : 0.0f);
    for (uint32_t i = 0; n && i < 2; i++, p += 4)
        durai_put32(p, i);
    for (uint32_t i = 3; n && i < 15; i++, p += 4)
        put_f32(p, numbers[i]);
}

size_t dt_policy_image(const dt_spec *s, const uint8_t key[32], void *image)
{
    uint8_t *im = image, *p;
    size_t end = 256; /* header and 20 entries */
    memset(im, 0, DT_BOX_IMAGE);
    p = section(im, &end, 1, 1, 72);
    memcpy(p, "box", 3);
    durai_put16(p + 64, DURA_NONE);
    durai_put16(p + 66, DURA_NONE);
    p[70] = s->mode;
    p = section(im, &end, 2, 1, 8);
    durai_put16(p + 4, 3);
    p = section(im, &end, 3, s->channels, 48u * s->channels);
    for (uint16_t i = 0; i < s->channels; i++)
        put_channel(p + 48u * i, s);
    uint16_t inputs = s->features ? 0 : s->channels;
    p = section(im, &end, 4, inputs, 2u * inputs);
    for (uint16_t i = 0; i < inputs; i++)
        durai_put16(p + 2u * i, i);
    p = section(im, &end, 5, s->outputs, 24u * s->outputs);
    for (uint16_t i = 0; i < s->outputs; i++)
        put_output(p + 24u * i, s);
    put_guard(section(im, &end, 6, 1, 16), s);
    put_logs(section(im, &end, 7, 1, 32), s);
    uint8_t *gate = section(im, &end, 8, 1, 64);
    memcpy(gate, key, 32);
    memcpy(gate + 32, s->risk_register, 32);
    (void)put_features(im, &end, s);
    put_watch(im, &end, s);
    put_updates(im, &end, s);
    put_checks(im, &end, s);
    put_shapes(im, &end, s);
    p = section(im, &end, 20, 2u * (s->channels + s->outputs + (s->features ? 2u * s->channels : 0u)), names(NULL, s));
    (void)names(p, s);
    end = ((end + 7u) & ~(size_t)7u) + 8u;
    durai_put32(im, 0x314B5044u);
    durai_put16(im + 4, 5);
    durai_put16(im + 6, 20);
    durai_put32(im + 8, (uint32_t)end);
    durai_put32(im + end - 4, durai_crc32c(0, im, end - 4));
    return end;
}

/* ---- the box ------------------------------------------------------------------------ */

static void digest(const void *p, size_t n, uint8_t out[32])
{
    dt_sha256 h;
    dt_sha256_init(&h);
    dt_sha256_update(&h, p, n);
    dt_sha256_final(&h, out);
}

/* The provisioning key of a box: any 32 bytes will do for the fake. */
static const uint8_t factory_key[32] = "provisioning key of a dt_box....";

void dt_box_factory(dt_box *b, const void *policy, size_t policy_len, const void *model, size_t model_len)
{
    uint8_t p[32], m[32], body[96], pae[160], sig[64], rec[256] = {0};
    const dura_region *nv = &b->region[2];
    digest(policy ? policy : b->image, policy ? policy_len : b->image_len, p);
    digest(model ? model : b->model.image, model ? model_len : (size_t)b->model.image_len, m);
    size_t n = durai_factory_body(body, sizeof body, p, m, 1);
    size_t np = durai_factory_pae(pae, sizeof pae, body, n);
    dt_crypto_fake_sign(factory_key, pae, np, sig);
    size_t nr = durai_factory_wrap(rec, sizeof rec, body, n, sig);
    nr = (nr + 7u) & ~(size_t)7u;
    if (nv->erase(nv->user, 0, 1024) || nv->prog(nv->user, 0, rec, nr) || nv->sync(nv->user))
        b->guard = NULL; /* the power of the box is off: a test's mistake shows at once */
}

static void plug(dt_box *b)
{
    memset(&b->port, 0, sizeof b->port);
    dt_crypto_init(&b->crypto, &b->keys, &b->power);
    b->port.struct_size = sizeof b->port;
    b->port.crypto = &b->crypto.crypto;
    b->port.region[DURA_REGION_SECURITY] = &b->region[0];
    b->port.region[DURA_REGION_DECISION] = &b->region[1];
    for (int i = DURA_REGION_NV; i <= DURA_REGION_SLOT_B; i++)
        b->port.region[i] = &b->region[i];
    b->port.feature = dura_feature_part();
    b->port.drift = dura_drift_part();
    b->port.correlate = dura_correlate_part();
    b->port.watch = dura_guard_watch_part();
    b->port.gate = dura_gate_part();
    b->port.sensor = dura_sensor_part();
    b->port.chart = dura_drift_chart_part();
    b->port.mspc = dura_mspc_part();
    b->port.histogram = dura_histogram_part();
}

size_t dt_box_envelope(const void *payload, size_t len, void *out, size_t cap)
{
    return dt_box_envelope_of(DURA_RELEASE_TYPE, payload, len, out, cap);
}

size_t dt_box_envelope_of(const char *type, const void *payload, size_t len, void *out, size_t cap)
{
    uint8_t pae[1400], sig[64], id[32], *at = pae;
    durai_cbor c;
    memcpy(at, "DSSEv1 33 ", 10);
    memcpy(at + 10, type, 33);
    at[43] = ' ';
    at += 44;
    at += durai_dec((char *)at, len);
    *at++ = ' ';
    memcpy(at, payload, len);
    dt_crypto_fake_sign(factory_key, pae, (size_t)(at - pae) + len, sig);
    digest(factory_key, 32, id);
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 3);
    durai_cbor_ktext(&c, 1, type, 33);
    durai_cbor_kbytes(&c, 2, payload, len);
    durai_cbor_uint(&c, 3);
    durai_cbor_array(&c, 1);
    durai_cbor_map(&c, 2);
    durai_cbor_kbytes(&c, 1, id, 8);
    durai_cbor_kbytes(&c, 2, sig, sizeof sig);
    return c.err == DURA_OK ? c.len : 0;
}

void dt_box_init(dt_box *b, const dt_spec *s, void *flash_mem, uint32_t segments, void *guard_mem)
{
    uint8_t *at = flash_mem;
    uint32_t size = segments * DT_BOX_SEGMENT;
    size_t room = DT_FLASH_BYTES(size, 16384u);
    memset(b, 0, sizeof *b);
    b->spec = *s;
    for (int i = 0; i < 2; i++, at += room)
        if (dt_flash_init(&b->flash[i], at, room, size, DT_BOX_SEGMENT, 1, 0x00, &b->power))
            return;
    for (int i = 2; i < 4; i++, at += DT_FLASH_BYTES(4096u, 2048u))
        if (dt_flash_init(&b->flash[i], at, DT_FLASH_BYTES(4096u, 2048u), 4096, 1024, 8, 0xFF, &b->power))
            return;
    for (int i = 4; i < 6; i++, at += DT_FLASH_BYTES(DT_BOX_SLOT, 4096u))
        if (dt_flash_init(&b->flash[i], at, DT_FLASH_BYTES(DT_BOX_SLOT, 4096u), DT_BOX_SLOT, 1024, 8, 0xFF, &b->power))
            return;
    for (int i = 0; i < 6; i++)
        b->region[i] = dt_flash_region(&b->flash[i]);
    dt_keystore_init(&b->keys, 7);
    plug(b);
    b->image_len = dt_policy_image(s, factory_key, b->image);
    b->backend.n_inputs = (uint16_t)(s->features ? 2u * s->channels : s->channels);
    b->backend.n_outputs = s->outputs;
    b->backend.seen = &b->seen;
    b->model.struct_size = sizeof b->model;
    b->model.backend = dt_backend_table();
    b->model.config = &b->backend;
    b->model.image = "the model of a dt_box, version 1";
    b->model.image_len = 32;
    b->mem = guard_mem;
    b->mem_len = DT_BOX_GUARD;
    b->now.mono_ns = 1000000;
    dt_box_factory(b, NULL, 0, NULL, 0);
    memset(&b->power, 0, sizeof b->power); /* count from the first boot on */
}

int dt_box_boot(dt_box *b)
{
    memset(b->mem, 0xA5, b->mem_len); /* junk: init may rely on nothing */
    return dura_guard_init(&b->guard, b->mem, b->mem_len, b->image, b->image_len, &b->model, &b->port, &b->now);
}

void dt_box_reboot(dt_box *b, int mode, uint64_t seed)
{
    for (int i = 0; i < 6; i++)
        dt_flash_reboot(&b->flash[i], mode, seed + (uint64_t)i);
    dt_power_on(&b->power);
    plug(b);
    b->guard = NULL;
}

int dt_box_step(dt_box *b, uint64_t frame, int64_t dt_ms, float v, dura_decision *d)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision fresh = DURA_DECISION_INIT;
    float values[DT_BOX_CHANNELS];
    for (int i = 0; i < b->spec.channels; i++)
        values[i] = v;
    b->now.mono_ns += dt_ms * 1000000;
    f.frame = frame;
    f.n = b->spec.channels;
    f.time = b->now;
    f.values = values;
    *d = fresh;
    int rc = dura_guard_step(b->guard, &f, d);
    int idle = dura_guard_idle(b->guard, &b->now, 100000);
    return rc != DURA_OK ? rc : idle < 0 ? idle : DURA_OK;
}
