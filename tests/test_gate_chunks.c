/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of a brain that comes in (docs/formats/release.md): the tree here is RFC 9162's own
 * recursion over a fake hash, not the loop of the code under test. Where a wrong byte may lie (row
 * A16, and A9 for how long it is taken), what paths are refused, and that the whole still decides.
 */
#include "dt.h"

#include "gate_rig.h"

enum { CHUNK = 65536, MOST = 9, SLOT = 1 << 20 };

static rig box;
static uint8_t memory[2][2 * SLOT], image[MOST * CHUNK], envelope[2][RIG_ENVELOPE];
static size_t envelope_len[2], length;
static uint8_t root[32], path[20][32];
static uint32_t n_path;

/* ---- RFC 9162, sections 2.1.1 and 2.1.3.1 --------------------------------------------------- */

static uint32_t chunks(void) { return (uint32_t)((length + CHUNK - 1) / CHUNK); }

static size_t size_of(uint32_t i) { return i + 1 < chunks() ? CHUNK : length - (size_t)i * CHUNK; }

static void leaf(uint8_t out[32], uint32_t i)
{
    rig_hash h;
    rig_hash_begin(&h, 0);
    rig_hash_add(&h, "\0", 1);
    rig_hash_add(&h, image + (size_t)i * CHUNK, size_of(i));
    rig_hash_end(&h, out);
}

static uint32_t split(uint32_t n)
{
    uint32_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static uint8_t leaves[MOST][32];

static void mth(uint8_t out[32], uint32_t from, uint32_t n)
{
    uint8_t both[65] = {1};
    if (n == 1) {
        memcpy(out, leaves[from], 32);
        return;
    }
    mth(both + 1, from, split(n));
    mth(both + 33, from + split(n), n - split(n));
    rig_digest(out, both, sizeof both);
}

static void path_of(uint32_t m, uint32_t from, uint32_t n)
{
    uint32_t k = split(n);
    if (n == 1)
        return;
    path_of(m < k ? m : m - k, m < k ? from : from + k, m < k ? k : n - k);
    mth(path[n_path++], m < k ? from + k : from, m < k ? n - k : k);
}

static const uint8_t *proof(uint32_t m)
{
    n_path = 0;
    path_of(m, 0, chunks());
    return path[0];
}

/* ---- a box with long slots ------------------------------------------------------------------ */

/* The payload, the root behind it where there is one, signed; as envelope number `which`. */
static void sign(uint32_t which, uint64_t version, int with_root)
{
    static const int two[] = {0, 1};
    uint8_t payload[512];
    durai_cbor c;
    dura_release r = rig_release(&box, DURA_COMPONENT_BRAIN, version);
    r.length = length;
    rig_digest(r.digest, image, length);
    size_t n = rig_payload(&r, payload, sizeof payload);
    durai_cbor_init(&c, payload + n, sizeof payload - n);
    if (with_root) {
        durai_cbor_kbytes(&c, 64, root, 32);
        payload[0]++;
    }
    rig_envelope_of(&box, DURA_RELEASE_TYPE, payload, n + c.len, two, 2);
    memcpy(envelope[which], box.envelope, RIG_ENVELOPE);
    envelope_len[which] = box.envelope_len;
}

static void begin(uint32_t erase, size_t n)
{
    rig_init(&box);
    for (uint32_t i = 1; i < 3; i++) {
        rig_region *r = &box.region[i];
        dt_eq(dt_flash_init(&r->flash, memory[i - 1], sizeof memory[0], SLOT, erase, 128, 0xFF, &box.power), 0);
        r->flash.no_sync = 1;
        r->inner = dt_flash_region(&r->flash);
        r->outer.size = SLOT;
        r->outer.erase_size = erase;
    }
    box.arena_cap = SLOT;
    box.arena_busy = 1; /* nothing of this is opened */
    length = n;
    for (size_t i = 0; i < n; i++)
        image[i] = (uint8_t)(i * 7 >> 3 ^ i >> 16);
    for (uint32_t i = 0; i < chunks(); i++)
        leaf(leaves[i], i);
    mth(root, 0, chunks());
    rig_boot(&box);
    sign(1, 6, 1);
    sign(0, 5, 1);
    dt_eq(rig_offer(&box), DURA_OK);
}

static int prove(uint32_t m)
{
    const uint8_t *p = proof(m);
    return dura_gate_part()->prove(box.ram.gate, envelope[0], envelope_len[0], leaves[m], p, n_path);
}

static int send(size_t from, size_t n) { return dura_gate_write(box.ram.gate, from, image + from, n, &box.now); }

/* Proven, chunk by chunk, from where it stands; the code of the first that is refused. */
static int feed(void)
{
    int rc = DURA_OK;
    for (uint64_t at = rig_status(&box).offset; rc == DURA_OK && at < length; at = rig_status(&box).offset) {
        rc = prove((uint32_t)(at / CHUNK));
        for (size_t k = 0, n = size_of((uint32_t)(at / CHUNK)); rc == DURA_OK && k < n; k += 20000)
            rc = send((size_t)at + k, n - k < 20000 ? n - k : 20000);
    }
    return rc;
}

/* ---- tests ---------------------------------------------------------------------------------- */

DT_TEST(gate_chunks, trees_of_every_shape_are_followed_to_the_end)
{
    static const size_t sizes[] = {1, 600, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 5, 4 * CHUNK + 9, 5 * CHUNK, 6 * CHUNK + 1, 8 * CHUNK, 9 * CHUNK};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin(4096, sizes[i]);
        dt_eq(feed(), DURA_OK, "%zu bytes", sizes[i]);
        dt_eq(rig_until(&box, DURA_GATE_STAGED), DURA_GATE_STAGED, "%zu bytes", sizes[i]);
    }
}

DT_TEST(gate_chunks, a9_a16_a_wrong_byte_ends_it_with_its_chunk)
{
    static const size_t at[] = {0, CHUNK - 1, CHUNK, 2 * CHUNK + 77, 4 * CHUNK + 1000};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        begin(4096, 4 * CHUNK + 1001);
        image[at[i]] ^= 0x10;
        dt_eq(feed(), DURA_EDENIED, "byte %zu", at[i]);
        dura_gate_status s = rig_status(&box);
        dt_eq(s.why, DURA_WHY_DIGEST, "byte %zu", at[i]);
        dt_eq((s.offset - 1) / CHUNK, at[i] / CHUNK, "byte %zu: nothing behind its chunk was taken", at[i]);
        dt_eq(send((size_t)s.offset, 1), DURA_ESTATE, "byte %zu", at[i]);
        dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_REJECTED, "byte %zu", at[i]);
        dt_eq(rig_status(&box).why, DURA_WHY_DIGEST, "byte %zu", at[i]);
        dt_ok(rig_drives(&box) == 0.0f);
    }
}

DT_TEST(gate_chunks, a_path_is_of_this_tree_and_of_this_place)
{
    const dura_gate_calls *part = dura_gate_part();
    dura_gate *g;
    uint8_t bad[32];
    begin(4096, 5 * CHUNK);
    g = box.ram.gate;
    const uint8_t *p = proof(1);
    dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[1], p, n_path), DURA_EAUTH, "of the next chunk");
    p = proof(0);
    dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[1], p, n_path), DURA_EAUTH, "another leaf");
    dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[0], p, n_path - 1), DURA_EAUTH, "too short");
    memcpy(path[n_path], path[0], 32);
    dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[0], p, n_path + 1), DURA_EAUTH, "too long");
    dt_eq(part->prove(g, envelope[0], envelope_len[0], root, p, 0), DURA_EAUTH, "a node is no leaf");
    for (uint32_t k = 0; k < n_path; k++) {
        path[k][k] ^= 1;
        dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[0], p, n_path), DURA_EAUTH, "node %u", k);
        path[k][k] ^= 1;
    }
    memcpy(bad, leaves[0], 32);
    bad[31] ^= 1;
    dt_eq(part->prove(g, envelope[0], envelope_len[0], bad, p, n_path), DURA_EAUTH);
    dt_eq(part->prove(g, envelope[1], envelope_len[1], leaves[0], p, n_path), DURA_EDENIED, "another release's");
    dt_eq(part->prove(g, envelope[0], envelope_len[0] - 1, leaves[0], p, n_path), DURA_ECORRUPT);
    dt_eq(part->prove(NULL, envelope[0], envelope_len[0], leaves[0], p, n_path), DURA_EINVAL);
    dt_eq(part->prove(g, NULL, 0, leaves[0], p, n_path), DURA_EINVAL);
    dt_eq(part->prove(g, envelope[0], envelope_len[0], NULL, p, n_path), DURA_EINVAL);
    dt_eq(part->prove(g, envelope[0], envelope_len[0], leaves[0], NULL, n_path), DURA_EINVAL);
    dt_eq(rig_status(&box).state, DURA_GATE_RECEIVED, "nothing of that changed anything");
    dt_eq(feed(), DURA_OK);
    dt_eq(prove(4), DURA_ESTATE, "all bytes are there");
}

DT_TEST(gate_chunks, are_proven_at_their_begin_and_for_a_brain_in_hand)
{
    begin(4096, 3 * CHUNK);
    dt_eq(prove(0), DURA_OK);
    dt_eq(prove(0), DURA_OK, "twice is once");
    dt_eq(send(0, 100), DURA_OK);
    dt_eq(prove(0), DURA_ESTATE, "in the middle");
    dt_eq(send(100, CHUNK - 100), DURA_OK, "the proof from before still holds");
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dt_eq(prove(1), DURA_ESTATE, "nothing in hand");
    sign(0, 5, 0);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(prove(0), DURA_ENOENT, "a release without a tree");
    dt_eq(dura_gate_reset(box.ram.gate, &box.now), DURA_OK);
    dura_release r = rig_release(&box, DURA_COMPONENT_POLICY, 5);
    rig_envelope(&box, &r);
    dt_eq(rig_offer(&box), DURA_OK);
    dt_eq(dura_gate_part()->prove(box.ram.gate, box.envelope, box.envelope_len, root, NULL, 0), DURA_ESTATE, "a policy has no bytes here");
}

DT_TEST(gate_chunks, f4_go_on_after_a_restart_without_being_verified_anew)
{
    begin(4096, 4 * CHUNK + 5);
    dt_eq(prove(0), DURA_OK);
    dt_eq(send(0, CHUNK), DURA_OK);
    dt_eq(prove(1), DURA_OK);
    dt_eq(send(CHUNK, 30000), DURA_OK);
    rig_boot(&box);
    dt_eq(rig_status(&box).offset, CHUNK, "the chunk that was cut is begun again");
    image[3 * CHUNK] ^= 1;
    dt_eq(feed(), DURA_EDENIED);
    dt_eq((rig_status(&box).offset - 1) / CHUNK, 3);
}

DT_TEST(gate_chunks, the_whole_decides_where_nobody_proves)
{
    begin(4096, 3 * CHUNK);
    image[5] ^= 1;
    dt_eq(send(0, CHUNK), DURA_OK);
    dt_eq(feed(), DURA_OK, "the others are right");
    dt_eq(rig_until(&box, DURA_GATE_COMMITTED), DURA_GATE_REJECTED);
    dt_eq(rig_status(&box).why, DURA_WHY_DIGEST);
}

/* As feed(), but whoever sends it goes on when something fails. The last code that was not that. */
static int feed_on(void)
{
    int rc = DURA_OK;
    for (uint32_t tries = 0; tries < 8 && rc != DURA_EDENIED && rig_status(&box).offset < length; tries++) {
        uint64_t at = rig_status(&box).offset;
        rc = at % CHUNK ? send((size_t)at, CHUNK - at % CHUNK < length - at ? (size_t)(CHUNK - at % CHUNK) : length - (size_t)at) : feed();
    }
    return rc;
}

/* A hash or a write that fails in a chunk: what is sent again is judged by the whole, and nothing
 * right is refused. Units that are erased are smaller and larger than a chunk. */
DT_TEST(gate_chunks, f2_errors_in_a_chunk_refuse_nothing_that_is_right)
{
    static const uint32_t kinds[] = {DT_PROG, DT_ERASE, DT_SYNC, DT_READ, DT_HASH, DT_MAC}, calls[] = {1, 2, 5, 127, 129, 130};
    for (uint32_t erase = 4096; erase <= 2 * CHUNK; erase *= 32)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
                begin(erase, CHUNK + 700);
                box.power.fail_mask = kinds[k];
                box.power.fail_at = calls[c];
                box.power.fail_times = 1;
                box.power.calls = 0;
                dt_eq(feed_on(), DURA_OK, "erase %u kind %u call %u", erase, kinds[k], calls[c]);
                dt_eq(rig_until(&box, DURA_GATE_STAGED), DURA_GATE_STAGED, "erase %u kind %u call %u", erase, kinds[k], calls[c]);
            }
}
