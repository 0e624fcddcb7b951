/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fakes themselves: a test kit that is kinder than it says would let bugs through.
 */
#include "dt.h"
#include "sim/dt_sim.h"

#define SIZE 1024u
#define ERASE 256u

/* ---- flash ----------------------------------------------------------------------------- */

typedef struct rig {
    dt_power power;
    dt_flash flash;
    dura_region r;
    uint8_t mem[DT_FLASH_BYTES(SIZE, 4096)];
} rig;

static void setup(rig *g, uint32_t prog, uint8_t erased)
{
    memset(&g->power, 0, sizeof g->power);
    dt_eq(dt_flash_init(&g->flash, g->mem, sizeof g->mem, SIZE, ERASE, prog, erased, &g->power), 0);
    g->r = dt_flash_region(&g->flash);
}

static int all(const uint8_t *p, size_t n, uint8_t v)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != v)
            return 0;
    return 1;
}

DT_TEST(sim_flash, refuses_a_bad_geometry)
{
    static const struct {
        const char *name;
        uint32_t size, erase, prog;
        uint8_t erased;
        size_t len;
        int want;
    } row[] = {
        {"good", SIZE, ERASE, 8, 0xFF, 2 * SIZE, 0},
        {"no size", 0, ERASE, 8, 0xFF, 2 * SIZE, DURA_EINVAL},
        {"size no multiple", 1000, ERASE, 8, 0xFF, 2 * SIZE, DURA_EINVAL},
        {"erase no power", 768, 192, 8, 0xFF, 2 * SIZE, DURA_EINVAL},
        {"prog zero", SIZE, ERASE, 0, 0xFF, 2 * SIZE, DURA_EINVAL},
        {"prog above erase", SIZE, ERASE, 512, 0xFF, 2 * SIZE, DURA_EINVAL},
        {"erased neither 0 nor 1 bits", SIZE, ERASE, 8, 0x0F, 2 * SIZE, DURA_EINVAL},
        {"no room", SIZE, ERASE, 8, 0xFF, 2 * SIZE - 1, DURA_ENOSPC},
    };
    static uint8_t mem[2 * SIZE];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dt_flash f;
        dt_eq(dt_flash_init(&f, mem, row[i].len, row[i].size, row[i].erase, row[i].prog, row[i].erased, NULL),
              row[i].want, "%s", row[i].name);
    }
}

DT_TEST(sim_flash, reads_back_what_was_written_and_counts)
{
    static rig g;
    uint8_t b[16];
    setup(&g, 8, 0xFF);
    dt_eq(g.r.size, SIZE);
    dt_eq(g.r.read(g.r.user, 0, b, 16), 0);
    dt_ok(all(b, 16, 0xFF), "blank");
    dt_eq(g.r.prog(g.r.user, 8, "12345678", 8), 0);
    dt_eq(g.r.read(g.r.user, 8, b, 8), 0);
    dt_mem(b, "12345678", 8);
    dt_eq(g.r.erase(g.r.user, 0, ERASE), 0);
    dt_eq(g.r.read(g.r.user, 8, b, 8), 0);
    dt_ok(all(b, 8, 0xFF), "erased");
    dt_eq(g.r.sync(g.r.user), 0);
    dt_eq(g.flash.reads, 3);
    dt_eq(g.flash.progs, 1);
    dt_eq(g.flash.erases, 1);
    dt_eq(g.flash.syncs, 1);
    dt_eq(g.flash.bytes_read, 32);
    dt_eq(g.flash.bytes_programmed, 8);
    dt_eq(g.power.mutations, 3);
    dt_eq(g.power.calls, 6);
    dt_eq(g.flash.violations, 0);
}

DT_TEST(sim_flash, counts_every_broken_rule)
{
    static const struct {
        const char *name;
        uint32_t kind;
        uint64_t off;
        size_t len;
    } row[] = {
        {"prog offset", DT_PROG, 4, 8},       {"prog length", DT_PROG, 8, 4},
        {"prog over the end", DT_PROG, SIZE, 8}, {"prog far away", DT_PROG, (uint64_t)1 << 40, 8},
        {"not erased", DT_PROG, 0, 8},        {"partly not erased", DT_PROG, 0, 64},
        {"erase offset", DT_ERASE, 8, ERASE}, {"erase length", DT_ERASE, 0, 8},
        {"erase over the end", DT_ERASE, SIZE - ERASE, 2 * ERASE}, {"read over the end", DT_READ, SIZE - 1, 2},
    };
    static rig g;
    uint8_t b[64] = {0}, before[SIZE];
    setup(&g, 8, 0xFF);
    dt_eq(g.r.prog(g.r.user, 0, b, 8), 0);
    memcpy(before, g.flash.live, SIZE);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int rc = row[i].kind == DT_PROG    ? g.r.prog(g.r.user, row[i].off, b, row[i].len)
                 : row[i].kind == DT_ERASE ? g.r.erase(g.r.user, row[i].off, row[i].len)
                                           : g.r.read(g.r.user, row[i].off, b, row[i].len);
        dt_eq(rc, DT_EVIOLATION, "%s", row[i].name);
        dt_eq(g.flash.violations, i + 1, "%s", row[i].name);
    }
    dt_mem(g.flash.live, before, SIZE, "nothing was done");
}

/* Three progs of 64 bytes and one erase, none synced, behind one synced prog. */
static void unsynced(rig *g)
{
    uint8_t b[64];
    setup(g, 1, 0x00);
    memset(b, 9, sizeof b);
    dt_eq(g->r.prog(g->r.user, 3 * ERASE, b, 64), 0);
    dt_eq(g->r.sync(g->r.user), 0);
    for (uint8_t i = 0; i < 3; i++) {
        memset(b, 1 + i, sizeof b);
        dt_eq(g->r.prog(g->r.user, i * ERASE, b, 64), 0);
    }
    dt_eq(g->r.erase(g->r.user, 3 * ERASE, ERASE), 0);
}

DT_TEST(sim_reboot, keeps_nothing_or_everything_when_told_so)
{
    static rig g;
    unsynced(&g);
    dt_flash_reboot(&g.flash, DT_NOOP, 1);
    dt_ok(all(g.flash.live, 3 * ERASE, 0), "progs are lost");
    dt_ok(all(g.flash.live + 3 * ERASE, 64, 9), "the erase is lost, what was synced is there");
    unsynced(&g);
    dt_flash_reboot(&g.flash, DT_KEPT, 1);
    for (uint8_t i = 0; i < 3; i++)
        dt_ok(all(g.flash.live + i * ERASE, 64, (uint8_t)(1 + i)), "prog %d", i);
    dt_ok(all(g.flash.live + 3 * ERASE, ERASE, 0), "erased");
}

/* How much of operation i (0..2 progs, 3 the erase) is there: bytes, or -1 for a hole. */
static int kept(const rig *g, int i)
{
    const uint8_t *p = g->flash.live + (uint32_t)i * ERASE;
    uint8_t want = i < 3 ? (uint8_t)(1 + i) : 0;
    int n = 0, m;
    while (n < 64 && p[n] == want)
        n++;
    for (m = n; m < 64 && p[m] != want; m++)
        ;
    return m == 64 ? n : -1;
}

DT_TEST(sim_reboot, tears_and_reorders_as_the_mode_says)
{
    static const struct {
        const char *name;
        int mode, holes, parts;
    } row[] = {{"torn", DT_TORN, 0, 1}, {"reordered", DT_REORDERED, 0, 0}};
    static rig g;
    for (size_t r = 0; r < 2; r++) {
        int none = 0, whole = 0, part = 0, later = 0, each[4] = {0};
        for (uint64_t seed = 0; seed < 200; seed++) {
            unsynced(&g);
            dt_flash_reboot(&g.flash, row[r].mode, seed);
            for (int i = 0; i < 4; i++) {
                int n = kept(&g, i);
                dt_ok(n >= 0, "%s leaves no holes", row[r].name);
                none += n == 0;
                whole += n == 64;
                each[i] += n == 64;
                part += n > 0 && n < 64;
            }
            later += kept(&g, 0) == 0 && kept(&g, 2) == 64;
        }
        for (int i = 0; i < 4; i++)
            dt_ok(each[i] > 40 && each[i] < 130, "%s: operation %d kept %d times", row[r].name, i, each[i]);
        dt_ok(none > 100 && whole > 100, "%s: %d lost, %d whole", row[r].name, none, whole);
        dt_ok(later > 10, "%s: a later one without an earlier one, %d times", row[r].name, later);
        dt_ok((part > 100) == row[r].parts, "%s: %d torn", row[r].name, part);
    }
}

DT_TEST(sim_reboot, applies_the_same_place_in_any_order)
{
    /* prog, erase, prog: a medium that reorders may end with either, or with none. */
    static rig g;
    int seen[3] = {0};
    for (uint64_t seed = 0; seed < 100; seed++) {
        setup(&g, 1, 0xFF);
        dt_eq(g.r.prog(g.r.user, 0, "a", 1), 0);
        dt_eq(g.r.erase(g.r.user, 0, ERASE), 0);
        dt_eq(g.r.prog(g.r.user, 0, "b", 1), 0);
        dt_flash_reboot(&g.flash, DT_REORDERED, seed);
        uint8_t v = g.flash.live[0];
        dt_ok(v == 'a' || v == 'b' || v == 0xFF, "%d", v);
        seen[v == 'a' ? 0 : v == 'b' ? 1 : 2]++;
    }
    dt_ok(seen[0] && seen[1] && seen[2], "a %d, b %d, blank %d", seen[0], seen[1], seen[2]);
}

DT_TEST(sim_reboot, scatters_pieces_of_long_progs)
{
    static rig g;
    uint8_t b[ERASE];
    int holes = 0;
    memset(b, 7, sizeof b);
    for (uint64_t seed = 0; seed < 50; seed++) {
        setup(&g, 1, 0x00);
        dt_eq(g.r.prog(g.r.user, 0, b, sizeof b), 0);
        dt_flash_reboot(&g.flash, DT_SCATTERED, seed);
        for (uint32_t i = 0; i < ERASE; i += 64)
            dt_ok(all(g.flash.live + i, 64, 0) || all(g.flash.live + i, 64, 7), "pieces are whole");
        holes += g.flash.live[0] == 0 && g.flash.live[64] == 7;
    }
    dt_ok(holes > 5, "%d", holes);
}

DT_TEST(sim_reboot, repeats_for_the_same_seed)
{
    static rig g, h;
    for (int mode = 0; mode < DT_MODES; mode++) {
        unsynced(&g);
        unsynced(&h);
        dt_flash_reboot(&g.flash, mode, 42);
        dt_flash_reboot(&h.flash, mode, 42);
        dt_mem(g.flash.live, h.flash.live, SIZE, "mode %d", mode);
        dt_flash_reboot(&g.flash, DT_TORN, 43);
        dt_mem(g.flash.live, h.flash.live, SIZE, "mode %d: nothing is left to lose", mode);
    }
}

DT_TEST(sim_flash, writes_back_when_its_cache_is_full)
{
    static rig g;
    setup(&g, 1, 0x00);
    for (uint32_t i = 0; i <= DT_FLASH_OPS; i++)
        dt_eq(g.r.prog(g.r.user, i, "x", 1), 0);
    dt_eq(g.flash.writebacks, 1);
    dt_flash_reboot(&g.flash, DT_NOOP, 0);
    dt_ok(all(g.flash.live, DT_FLASH_OPS, 'x'), "the cache went to the medium");
    dt_eq(g.flash.live[DT_FLASH_OPS], 0, "the one behind it did not");
}

DT_TEST(sim_flash, without_a_journal_or_sync_keeps_all_at_once)
{
    static uint8_t mem[2 * SIZE];
    for (int i = 0; i < 2; i++) {
        dt_flash f;
        dt_eq(dt_flash_init(&f, mem, sizeof mem, SIZE, ERASE, 1, 0x00, NULL), 0);
        f.no_sync = (uint8_t)i;
        dura_region r = dt_flash_region(&f);
        dt_eq(r.sync == NULL, i);
        dt_eq(r.prog(r.user, 5, "z", 1), 0);
        dt_flash_reboot(&f, DT_NOOP, 0);
        dt_eq(f.live[5], 'z', "no_sync %d", i);
    }
}

DT_TEST(sim_flash, can_be_tampered_with)
{
    static rig g;
    setup(&g, 1, 0x00);
    dt_flash_flip(&g.flash, 10, 0x81);
    dt_flash_reboot(&g.flash, DT_NOOP, 0);
    dt_eq(g.flash.live[10], 0x81);
    dt_eq(g.power.mutations, 0);
}

/* ---- power ------------------------------------------------------------------------------- */

DT_TEST(sim_power, cuts_before_within_or_after_the_kth_mutation)
{
    static const struct {
        const char *name;
        uint8_t how;
        int bytes, synced;
    } row[] = {{"before", DT_CUT_BEFORE, 0, 0}, {"half", DT_CUT_HALF, 8, 0}, {"after", DT_CUT_AFTER, 16, 1}};
    static rig g;
    uint8_t b[16], in[16];
    memset(in, 3, sizeof in);
    for (size_t i = 0; i < 3; i++) {
        setup(&g, 1, 0x00);
        g.power.cut_at = 2;
        g.power.cut_how = row[i].how;
        dt_eq(g.r.prog(g.r.user, 0, in, 16), 0);
        dt_eq(g.r.prog(g.r.user, 16, in, 16), DT_EPOWER, "%s", row[i].name);
        dt_eq(g.r.read(g.r.user, 0, b, 1), DT_EPOWER, "%s: dark", row[i].name);
        dt_eq(g.r.sync(g.r.user), DT_EPOWER, "%s: dark", row[i].name);
        dt_eq(g.r.erase(g.r.user, 0, ERASE), DT_EPOWER, "%s: dark", row[i].name);
        dt_eq(g.power.mutations, 2, "%s: what happens in the dark does not count", row[i].name);
        dt_flash_reboot(&g.flash, DT_KEPT, 0);
        dt_power_on(&g.power);
        dt_ok(all(g.flash.live, 16u + (unsigned)row[i].bytes, 3) && g.flash.live[16 + row[i].bytes] == 0, "%s",
              row[i].name);
        dt_eq(g.r.read(g.r.user, 0, b, 1), 0, "%s: light", row[i].name);
    }
}

DT_TEST(sim_power, cuts_a_sync_before_within_or_after)
{
    static const struct {
        uint8_t how;
        uint8_t first, second;
    } row[] = {{DT_CUT_BEFORE, 0, 0}, {DT_CUT_HALF, 'a', 0}, {DT_CUT_AFTER, 'a', 'b'}};
    static rig g;
    for (size_t i = 0; i < 3; i++) {
        setup(&g, 1, 0x00);
        g.power.cut_at = 3;
        g.power.cut_how = row[i].how;
        dt_eq(g.r.prog(g.r.user, 0, "a", 1), 0);
        dt_eq(g.r.prog(g.r.user, 1, "b", 1), 0);
        dt_eq(g.r.sync(g.r.user), DT_EPOWER);
        dt_flash_reboot(&g.flash, DT_NOOP, 0);
        dt_eq(g.flash.live[0], row[i].first, "row %zu", i);
        dt_eq(g.flash.live[1], row[i].second, "row %zu", i);
    }
}

DT_TEST(sim_power, fails_the_calls_it_was_asked_to)
{
    static const struct {
        const char *name;
        uint32_t mask, at, times;
        const char *want;   /* of six progs and reads in turn: f fails, . works */
    } row[] = {
        {"never", 0, 0, 0, "............"},       {"third of all, once", 0, 3, 1, "..f........."},
        {"from the fifth on", 0, 5, 0, "....ffffffff"}, {"second prog", DT_PROG, 2, 1, "..f........."},
        {"reads 2 and 3", DT_READ, 2, 2, "...f.f......"}, {"every prog", DT_PROG, 1, 0, "f.f.f.f.f.f."},
    };
    static rig g;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char got[13] = "";
        uint8_t b;
        setup(&g, 1, 0x00);
        g.power.fail_mask = row[i].mask;
        g.power.fail_at = row[i].at;
        g.power.fail_times = row[i].times;
        for (uint32_t n = 0; n < 12; n++) {
            int rc = n % 2 ? g.r.read(g.r.user, 0, &b, 1) : g.r.prog(g.r.user, n, "x", 1);
            dt_ok(rc == 0 || rc == DT_EFAULT, "%s: %d", row[i].name, rc);
            got[n] = rc ? 'f' : '.';
        }
        dt_str(got, row[i].want, "%s", row[i].name);
    }
}

DT_TEST(sim_power, can_fail_half_way_with_any_code)
{
    static rig g;
    uint8_t in[16];
    memset(in, 3, sizeof in);
    setup(&g, 1, 0x00);
    g.power.fail_at = 1;
    g.power.fail_times = 1;
    g.power.fail_code = -555;
    g.power.fail_half = 1;
    dt_eq(g.r.prog(g.r.user, 0, in, 16), -555);
    dt_ok(all(g.flash.live, 8, 3) && all(g.flash.live + 8, 8, 0));
    dt_eq(g.r.prog(g.r.user, 0, in, 16), DT_EVIOLATION, "it cannot simply be repeated");
    dt_eq(g.r.prog(g.r.user, 8, in, 8), 0);
}

DT_TEST(sim_power, counts_over_everything_it_feeds)
{
    static rig g;
    static uint8_t mem[DT_FLASH_BYTES(SIZE, 64)];
    dt_flash other;
    dt_keystore keys;
    dt_crypto c;
    setup(&g, 1, 0x00);
    dt_eq(dt_flash_init(&other, mem, sizeof mem, SIZE, ERASE, 1, 0xFF, &g.power), 0);
    dura_region o = dt_flash_region(&other);
    dt_keystore_init(&keys, 1);
    dt_crypto_init(&c, &keys, &g.power);
    g.power.cut_at = 3;
    dt_eq(g.r.prog(g.r.user, 0, "a", 1), 0);
    dt_eq(o.prog(o.user, 0, "b", 1), 0);
    dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, 1), DT_EPOWER);
    dt_eq(o.sync(o.user), DT_EPOWER, "dark for all");
    dt_eq(keys.epoch, 0);
    dt_eq(dt_power_call(NULL, DT_PROG), 0, "no supply, no trouble");
}

/* ---- crypto ------------------------------------------------------------------------------- */

static void unhex(uint8_t *out, const char *hex)
{
    for (size_t i = 0; hex[2 * i]; i++) {
        unsigned v = 0;
        sscanf(hex + 2 * i, "%2x", &v);
        out[i] = (uint8_t)v;
    }
}

DT_TEST(sim_crypto, has_the_published_digests)
{
    static const struct {
        const char *text, *digest;
    } row[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t want[32], got[32];
    dt_keystore k;
    dt_crypto c;
    dt_keystore_init(&k, 0);
    dt_crypto_init(&c, &k, NULL);
    for (size_t i = 0; i < 3; i++) {
        dura_hash_state s;
        size_t n = strlen(row[i].text);
        unhex(want, row[i].digest);
        memset(&s, 0xA5, sizeof s);
        dt_eq(c.crypto.hash_init(&c, &s), 0);
        dt_eq(c.crypto.hash_update(&c, &s, row[i].text, n / 2), 0);
        dt_eq(c.crypto.hash_update(&c, &s, row[i].text + n / 2, n - n / 2), 0);
        dt_eq(c.crypto.hash_final(&c, &s, got), 0);
        dt_mem(got, want, 32, "%s", row[i].text);
    }
    uint8_t many[1][32];
    const void *in[1] = {"bc"};
    size_t len[1] = {2};
    unhex(want, row[1].digest);
    dt_eq(c.crypto.hash_many(&c, 'a', in, len, 1, many), 0);
    dt_mem(many[0], want, 32, "prefix a, message bc");
    dt_eq(c.hashes, 4);
}

DT_TEST(sim_crypto, has_the_published_hmac)
{
    /* RFC 4231 case 2; its 4-byte key is the same as one padded with zeros to 32. */
    uint8_t key[32] = "Jefe", want[32], got[32];
    unhex(want, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    dt_hmac(key, "what do ya want ", 16, "for nothing?", 12, got);
    dt_mem(got, want, 32);
}

DT_TEST(sim_crypto, signs_in_the_held_epoch_only)
{
    dt_keystore k;
    dt_crypto c;
    uint8_t pub[32], sig[64], tag[16];
    dt_keystore_init(&k, 5);
    dt_crypto_init(&c, &k, NULL);
    dt_eq(c.crypto.sign(&c, DURA_KEY_LOG, 0, "m", 1, sig), 0);
    dt_eq(c.crypto.key_public(&c, DURA_KEY_LOG, 0, pub), 0);
    dt_eq(c.crypto.verify(&c, pub, "m", 1, sig), 0);
    dt_eq(c.crypto.verify(&c, pub, "n", 1, sig), DURA_EAUTH);
    sig[63] ^= 1;
    dt_eq(c.crypto.verify(&c, pub, "m", 1, sig), DURA_EAUTH);
    dt_eq(c.crypto.sign(&c, DURA_KEY_LOG, 1, "m", 1, sig), DURA_ESTATE);
    dt_eq(c.crypto.key_public(&c, DURA_KEY_LOG, 2, pub), DURA_ESTATE);
    dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, 2), DURA_ESTATE);
    dt_eq(c.crypto.sign(&c, DURA_KEY_DEVICE, 0, "m", 1, sig), DURA_EINVAL);
    dt_eq(c.crypto.mac(&c, DURA_KEY_LOG, "m", 1, tag), DURA_EINVAL);
    dt_eq(c.crypto.mac(&c, DURA_KEY_DEVICE, "m", 1, tag), 0);
}

DT_TEST(sim_crypto, keeps_its_epoch_over_a_reboot)
{
    dt_keystore k;
    dt_crypto c;
    uint8_t pub[32], want[32], next[32];
    dt_keystore_init(&k, 6);
    for (uint32_t e = 0; e < 4; e++) {
        uint32_t held = 99;
        dt_crypto_init(&c, &k, NULL);
        dt_eq(c.crypto.key_epoch(&c, DURA_KEY_LOG, &held), 0);
        dt_eq(held, e);
        dt_eq(c.crypto.key_public(&c, DURA_KEY_LOG, e, pub), 0);
        dt_crypto_public(6, e, want);
        dt_mem(pub, want, 32, "epoch %u", (unsigned)e);
        if (e)
            dt_mem(pub, next, 32, "epoch %u was announced by the one before", (unsigned)e);
        dt_eq(c.crypto.key_public(&c, DURA_KEY_LOG, e + 1, next), 0);
        dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, e), 0, "held already");
        dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, e + 1), 0);
    }
    dt_eq(k.advances, 4);
    dt_crypto_public(7, 0, want);
    dt_crypto_public(6, 0, pub);
    dt_ok(memcmp(pub, want, 32) != 0, "another device has other keys");
}

DT_TEST(sim_crypto, loses_power_in_key_advance_on_one_side_or_the_other)
{
    for (int how = DT_CUT_BEFORE; how <= DT_CUT_AFTER; how++) {
        dt_power p = {0};
        dt_keystore k;
        dt_crypto c;
        dt_keystore_init(&k, 7);
        dt_crypto_init(&c, &k, &p);
        p.cut_at = 1;
        p.cut_how = (uint8_t)how;
        dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, 1), DT_EPOWER);
        dt_eq(k.epoch, how == DT_CUT_AFTER, "how %d", how);
    }
}

DT_TEST(sim_crypto, fails_each_hook_when_asked)
{
    static const uint32_t kind[] = {DT_HASH, DT_VERIFY, DT_MAC, DT_KEY, DT_SIGN, DT_ADVANCE};
    for (size_t i = 0; i < 6; i++) {
        dt_power p = {0};
        dt_keystore k;
        dt_crypto c;
        dura_hash_state s;
        uint8_t b[64] = {0}, many[1][32];
        uint32_t e;
        p.fail_mask = kind[i];
        p.fail_at = 1;
        dt_keystore_init(&k, 8);
        dt_crypto_init(&c, &k, &p);
        int want[6] = {0};
        want[i] = DT_EFAULT;
        dt_eq(c.crypto.hash_init(&c, &s), want[0], "hash, row %zu", i);
        dt_eq(c.crypto.hash_update(&c, &s, "", 0), want[0], "hash, row %zu", i);
        dt_eq(c.crypto.hash_final(&c, &s, b), want[0], "hash, row %zu", i);
        dt_eq(c.crypto.hash_many(&c, 0, NULL, NULL, 0, many), want[0], "hash, row %zu", i);
        dt_eq(c.crypto.verify(&c, b, "", 0, b), want[1] ? want[1] : DURA_EAUTH, "verify, row %zu", i);
        dt_eq(c.crypto.mac(&c, DURA_KEY_DEVICE, "", 0, b), want[2], "mac, row %zu", i);
        dt_eq(c.crypto.key_epoch(&c, DURA_KEY_LOG, &e), want[3], "epoch, row %zu", i);
        dt_eq(c.crypto.key_public(&c, DURA_KEY_LOG, 0, b), want[3], "public, row %zu", i);
        dt_eq(c.crypto.sign(&c, DURA_KEY_LOG, 0, "", 0, b), want[4], "sign, row %zu", i);
        dt_eq(c.crypto.key_advance(&c, DURA_KEY_LOG, 1), want[5], "advance, row %zu", i);
    }
}

/* ---- clock ---------------------------------------------------------------------------------- */

DT_TEST(sim_clock, ticks_stops_steps_wraps_and_reboots)
{
    dt_clock c;
    dt_clock_init(&c, 1000);
    const dura_time *t = dt_clock_tick(&c, 50);
    dt_eq(t->mono_ns, 50);
    dt_eq(t->wall_ns, 1050);
    dt_eq(t->boot, 1);
    dt_eq(t->quality, DURA_CLOCK_SYNCED);
    c.stopped = 1;
    dt_eq(dt_clock_tick(&c, 50)->mono_ns, 50, "stopped");
    c.stopped = 0;
    dt_clock_step(&c, -500);
    dt_eq(t->mono_ns, 50, "a step is the wall clock's alone");
    dt_eq(t->wall_ns, 550);
    dt_eq(dt_clock_tick(&c, -20)->mono_ns, 30, "backwards");
    c.wrap_ns = 100;
    dt_eq(dt_clock_tick(&c, 75)->mono_ns, 5, "wrapped");
    c.wrap_ns = 0;
    c.wall_ppm = 200;
    int64_t wall = t->wall_ns;
    dt_clock_tick(&c, 1000000000);
    dt_eq(t->wall_ns - wall, 1000200000, "fast by 200 ppm");
    dt_clock_reboot(&c, 7);
    dt_eq(t->boot, 2);
    dt_eq(t->mono_ns, 0);
    dt_eq(t->wall_ns - wall, 1000200007);
}

/* ---- sensors --------------------------------------------------------------------------------- */

DT_TEST(sim_sensor, clean_signals_stay_in_their_range_and_move)
{
    dt_sensor s;
    float v[DT_CHANNELS], lo[DT_CHANNELS], hi[DT_CHANNELS];
    uint8_t m[DT_CHANNELS];
    dt_sensor_init(&s, DT_CHANNELS, 3);
    for (unsigned i = 0; i < 20000; i++) {
        dt_eq(dt_sensor_next(&s, v, m), 10000000LL * i);
        for (unsigned c = 0; c < DT_CHANNELS; c++) {
            dt_ok(v[c] > 14.0f && v[c] < 26.0f, "channel %u frame %u: %f", c, i, (double)v[c]);
            dt_eq(m[c], 0);
            lo[c] = i && lo[c] < v[c] ? lo[c] : v[c];
            hi[c] = i && hi[c] > v[c] ? hi[c] : v[c];
        }
    }
    for (unsigned c = 0; c < DT_CHANNELS; c++)
        dt_ok(hi[c] - lo[c] > 3.0f, "channel %u moves by %f", c, (double)(hi[c] - lo[c]));
}

/* Run 40 frames with one fault on channel 1 in 10..20, beside a clean twin. */
static const struct {
    const char *name;
    dt_fault fault;
} faults[] = {
    {"stuck", {DT_STUCK, 1, 0, 10, 20, 0.0f}},     {"spike", {DT_SPIKE, 1, 5, 10, 20, 100.0f}},
    {"drift", {DT_DRIFT, 1, 0, 10, 20, 0.5f}},     {"offset", {DT_OFFSET, 1, 0, 10, 20, -4.0f}},
    {"nan", {DT_NAN, 1, 0, 10, 20, 0.0f}},         {"inf", {DT_INF, 1, 0, 10, 20, -1.0f}},
    {"dropout", {DT_DROPOUT, 1, 0, 10, 20, 0.0f}},
};

/* What the faulty value should be. x: clean now, h: clean in frame 10. */
static int as_told(const dt_fault *f, uint32_t frame, float x, float h, float v, uint8_t missing)
{
    uint32_t since = frame - 10;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    switch (f->kind) {
    case DT_STUCK:
        return v == h;
    case DT_SPIKE:
        return v == (since % 5 ? x : x + 100.0f);
    case DT_DRIFT:
        return v == x + 0.5f * (float)since;
    case DT_OFFSET:
        return v == x - 4.0f;
    case DT_NAN:
        return bits == 0x7FC00000u;
    case DT_INF:
        return bits == 0xFF800000u;
    default:
        return missing == 1 && v == 0.0f;
    }
}

DT_TEST(sim_sensor, lays_each_fault_over_the_same_clean_stream)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        dt_sensor clean, bad;
        float x[2], v[2], held = 0.0f;
        uint8_t m[2], n[2];
        dt_sensor_init(&clean, 2, 9);
        dt_sensor_init(&bad, 2, 9);
        dt_eq(dt_sensor_fault(&bad, &faults[i].fault), 0);
        for (uint32_t f = 0; f < 40; f++) {
            dt_sensor_next(&clean, x, m);
            dt_sensor_next(&bad, v, n);
            dt_ok(v[0] == x[0] && n[0] == 0, "%s: the other channel, frame %u", faults[i].name, (unsigned)f);
            if (f == 10)
                held = x[1];
            if (f >= 10 && f < 20)
                dt_ok(as_told(&faults[i].fault, f, x[1], held, v[1], n[1]), "%s, frame %u", faults[i].name,
                      (unsigned)f);
            else
                dt_ok(v[1] == x[1] && n[1] == 0, "%s: clean in frame %u", faults[i].name, (unsigned)f);
        }
    }
}

DT_TEST(sim_sensor, lies_about_time_only_while_asked)
{
    static const dt_fault lie[2] = {{DT_TIME_REVERSED, 0, 0, 3, 4, 25000000.0f}, {DT_TIME_REPEATED, 0, 0, 6, 8, 0.0f}};
    static const int64_t want[10] = {0, 10, 20, 5, 40, 50, 50, 50, 80, 90};
    dt_sensor s;
    float v[1];
    uint8_t m[1];
    dt_sensor_init(&s, 1, 1);
    dt_eq(dt_sensor_fault(&s, &lie[0]), 0);
    dt_eq(dt_sensor_fault(&s, &lie[1]), 0);
    for (int i = 0; i < 10; i++)
        dt_eq(dt_sensor_next(&s, v, m), want[i] * 1000000, "frame %d", i);
    for (int i = 2; i < DT_FAULTS; i++)
        dt_eq(dt_sensor_fault(&s, &lie[0]), 0);
    dt_eq(dt_sensor_fault(&s, &lie[0]), DURA_EFULL);
}

/* ---- model ------------------------------------------------------------------------------------- */

static uint32_t bits_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

DT_TEST(sim_backend, answers_by_script)
{
    static const dt_line script[] = {
        {1, DT_ANSWER_NAN, 0.0f},   {2, DT_ANSWER_INF, -1.0f},  {3, DT_ANSWER_WRONG, 1e9f},
        {4, DT_ANSWER_ERROR, 0.0f}, {5, DT_ANSWER_ERROR, 123.0f}, {6, DT_ANSWER_LATE, 0.0f},
        {7, DT_ANSWER_PART, 0.0f},  {8, DT_ANSWER, 0.0f},       {9, DT_ANSWER_FROZEN, 0.0f}};
    static const int want[10] = {0, 0, 0, 0, -777, -123, DURA_ETIME, 0, 0, 0};
    dt_backend_seen seen = {0};
    dt_backend cfg = {2, 2, 9, 0, 0, script, &seen};
    const dura_backend *b = dt_backend_table();
    uint64_t mem[8];
    size_t bytes, align;
    float got[10][2];
    dt_eq(b->mem_req(&cfg, "m", 1, &bytes, &align), 0);
    dt_ok(bytes <= sizeof mem && align <= 8);
    dt_eq(b->open(mem, &cfg, "m", 1), 0);
    for (int i = 0; i < 10; i++) {
        float in[2] = {1.0f + (float)i, 3.0f + (float)i};
        got[i][0] = got[i][1] = -5.0f;
        dt_eq(b->run(mem, in, 2, got[i], 2, 77), want[i], "run %d", i);
    }
    dt_ok(got[0][0] == 2.0f && got[0][1] == 3.0f, "the truth");
    dt_eq(bits_of(got[1][1]) & 0x7FC00000u, 0x7FC00000u, "NaN");
    dt_eq(bits_of(got[2][0]), 0xFF800000u, "-infinity");
    dt_ok(got[3][0] == 1e9f && got[3][1] == 1e9f, "nonsense");
    dt_ok(got[6][0] == 8.0f, "late but right");
    dt_ok(got[7][0] == 9.0f && got[7][1] == -5.0f, "part");
    dt_ok(got[9][0] == got[8][0] && got[9][1] == got[8][1], "frozen");
    dt_eq(seen.runs, 10);
    dt_eq(seen.deadline_ns, 77);
    dt_eq(seen.misuse, 0);
    b->close(mem);
}

DT_TEST(sim_backend, notices_misuse)
{
    dt_backend_seen seen = {0};
    dt_backend cfg = {2, 1, 0, 0, 0, NULL, &seen};
    const dura_backend *b = dt_backend_table();
    uint64_t mem[8];
    float in[3] = {0}, out[2];
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    dt_eq(b->open(mem, &cfg, "m", 1), 0);
    dt_eq(b->io(mem, &io), 0);
    dt_eq(io.n_inputs, 2);
    dt_eq(io.n_outputs, 1);
    dt_eq(b->run(mem, in, 3, out, 1, 0), DURA_EINVAL);
    dt_eq(b->run(mem, in, 2, out, 2, 0), DURA_EINVAL);
    dt_eq(b->reset(mem), 0);
    dt_eq(seen.misuse, 2);
    b->close(mem);
    dt_eq(b->run(mem, in, 2, out, 1, 0), DURA_EINVAL, "after close");
    b->close(mem);
    dt_eq(seen.misuse, 4);
    dt_eq(seen.resets, 1);
    dt_eq(seen.closes, 2);
    cfg.open_code = -333;
    dt_eq(b->open(mem, &cfg, "m", 1), -333);
    dt_eq(seen.opens, 1);
}
