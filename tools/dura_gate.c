/* SPDX-License-Identifier: Apache-2.0 */
/* `dura gate check|status|approve`: what a device will say of a release, what its journal says,
 * and a person's yes to what is in its hand. */
#include "dura_chunks.h"
#include "dura_envelope.h"
#include "dura_signer.h"

#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *words[2], *policy_path, *subject_path, *pubs, *threshold_text, *now_text, *release_path, *key_path,
    *after_text, *out_path;
static int as_json;

static const cli_option options[] = {
    {"--policy", NULL, "FILE", &policy_path, NULL, "the policy of the device; required but for status, which says with it when the window opens next"},
    {"--subject", NULL, "FILE", &subject_path, NULL, "check: the brain, policy or firmware the release is about"},
    {"--pub", NULL, "KEYS", &pubs, NULL, "check: KEY[:role],... instead of the policy's release_keys; KEY is a file or 64 hex digits"},
    {"--threshold", NULL, "N", &threshold_text, NULL, "check: so many keys must have signed (default: the policy's, else 1)"},
    {"--now", NULL, "T", &now_text, NULL, "check, status: seconds since 1970 instead of this computer's clock"},
    {"--release", NULL, "FILE", &release_path, NULL, "approve: the release that is approved; required"},
    {"--key", NULL, "FILE", &key_path, NULL, "approve: secret key file of one who must approve; required"},
    {"--not-after", NULL, "T", &after_text, NULL, "approve: not switched to later than that; 2026-03-01T00:00:00Z, 2026-03-01, or seconds since 1970"},
    {"--out", "-o", "FILE", &out_path, NULL, "approve: the envelope; required"},
    {"--json", NULL, NULL, NULL, &as_json, "one JSON object; approve: the envelope as DSSE JSON"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "gate", "check rel.dura --policy P [--subject F] | status JOURNALFILE [--policy P] | approve JOURNALFILE --release R --policy P --key K -o F",
    "check   verifies a release as the device would and names every condition that is not met;\n"
    "        exit 1 when there is one. What the device alone knows (running version, incidents)\n"
    "        is not looked at\n"
    "status  the newest record of a device's journal: state, versions, floors, why; with --policy\n"
    "        when the maintenance window opens next\n"
    "approve signs a yes to the release that this journal says is in hand: it counts there, this\n"
    "        time, and nowhere else. `dura sign` adds another key's; `dura run --approval` hands it over\n",
    options, words, 1, 2,
};

static void print_hex(const uint8_t *p, size_t n)
{
    char hex[65];
    printf("%s", cli_hex(hex, p, n));
}

/* Every bit of why, as words or as a JSON array. */
static void print_why(uint64_t why)
{
    int first = 1;
    printf("%s", as_json ? "[" : "");
    for (uint64_t bit = 1; bit; bit <<= 1) {
        if (!(why & bit) || !dura_why_name(bit))
            continue;
        if (as_json)
            printf("%s\"%s\"", first ? "" : ",", dura_why_name(bit));
        else
            printf("  %-10s %s\n", dura_why_name(bit), dura_why_text(bit));
        first = 0;
    }
    printf("%s", as_json ? "]" : "");
}

/* ---- check ------------------------------------------------------------------------------ */

typedef struct check {
    void *policy;
    size_t policy_len;
    dura_gate_config cfg;
    dura_gate_key key[DURA_GATE_KEYS_MAX];
    uint32_t slot_bytes;
    char *subject;
    size_t subject_len;
    int looked;                  /* at the subject */
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len;
    dura_release release;
    uint64_t why;                /* DURA_WHY_*, DURA_WHY2_* above */
    dura_error more;             /* of a model that does not open or answers wrong */
} check;

static int one_pub(check *c, char *text, dura_error *err)
{
    dura_gate_key *k = &c->key[c->cfg.n_keys];
    char *colon = strrchr(text, ':');
    uint8_t role = DURA_ROLE_VENDOR;
    if (c->cfg.n_keys == DURA_GATE_KEYS_MAX)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, "--pub", "at most %u keys", DURA_GATE_KEYS_MAX);
    if (colon) {
        *colon = '\0';
        role = dura_role_number(colon + 1);
    }
    if (!role)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--pub", "%.40s: want vendor, operator, security or safety",
                              colon + 1);
    memset(k, 0, sizeof *k);
    k->role = role;
    c->cfg.n_keys++;
    if (strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64) {
        for (unsigned i = 0; i < 32; i++) {
            char two[3] = {text[2 * i], text[2 * i + 1], 0};
            k->pub[i] = (uint8_t)strtoul(two, NULL, 16);
        }
        return DURA_OK;
    }
    return dura_keyfile_public(text, k->pub, err);
}

static int take_pubs(check *c, dura_error *err)
{
    char list[4096], *at = list;
    int rc = DURA_OK;
    if (strlen(pubs) >= sizeof list)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, "--pub", "is too long");
    memcpy(list, pubs, strlen(pubs) + 1);
    c->cfg.n_keys = 0;
    c->cfg.keys = c->key;
    while (rc == DURA_OK && at) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        rc = one_pub(c, at, err);
        at = comma ? comma + 1 : NULL;
    }
    return rc;
}

static int read_policy(check *c, dura_error *err)
{
    int kind = DURA_PACK_POLICY, rc = cli_load_image(policy_path, &kind, &c->policy, &c->policy_len, err);
    uint64_t threshold = 0;
    if (rc != DURA_OK)
        return rc;
    rc = dura_release_policy(c->policy, c->policy_len, &c->cfg, c->key, &c->slot_bytes);
    if (rc == DURA_ENOENT && pubs) { /* it says nothing of updates: as if it took all */
        c->cfg.components = 1u << DURA_COMPONENT_BOX | 1u << DURA_COMPONENT_BRAIN | 1u << DURA_COMPONENT_POLICY;
        c->slot_bytes = UINT32_MAX;
        c->cfg.threshold = 1;
        rc = DURA_OK;
    }
    if (rc == DURA_ENOENT)
        return dura_error_set(err, DURA_EINVAL, policy_path, 0, "updates", "is absent: the device takes none (--pub tries all the same)");
    if (rc == DURA_OK && pubs)
        rc = take_pubs(c, err);
    if (rc == DURA_OK && threshold_text &&
        (cli_number(threshold_text, DURA_GATE_KEYS_MAX, &threshold) != 0 || threshold < 1))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--threshold", "want 1 to %u", DURA_GATE_KEYS_MAX);
    if (threshold)
        c->cfg.threshold = (uint8_t)threshold;
    return rc;
}

/* A release with this flag has one signature more than the threshold, and one of that role. */
static uint64_t lacks_extra(const check *c, const dura_crypto *crypto, uint32_t flag, uint8_t role, uint32_t bit)
{
    dura_release r = DURA_RELEASE_INIT;
    uint32_t more = c->cfg.threshold < c->cfg.n_keys ? c->cfg.threshold + 1u : c->cfg.n_keys;
    if (!(c->release.flags & flag))
        return 0;
    if (role && dura_release_verify(c->envelope, c->len, crypto, c->cfg.keys, c->cfg.n_keys, more, c->cfg.roles | 1u << role, &r,
                                    NULL) == DURA_OK)
        return 0;
    return (uint64_t)bit << 32;
}

static int verify(check *c, dura_error *err)
{
    dura_sodium provider;
    uint32_t why = 0;
    c->release = (dura_release)DURA_RELEASE_INIT;
    int rc = dura_sodium_init(&provider, NULL, 0, NULL, NULL, NULL);
    if (rc != DURA_OK)
        return rc;
    rc = dura_release_verify(c->envelope, c->len, &provider.crypto, c->cfg.keys, c->cfg.n_keys, c->cfg.threshold,
                             c->cfg.roles, &c->release, &why);
    c->why = why | lacks_extra(c, &provider.crypto, DURA_RELEASE_EMERGENCY, c->cfg.emergency_role, DURA_WHY2_EMERGENCY);
    if (c->cfg.substantial_role)
        c->why |= lacks_extra(c, &provider.crypto, DURA_RELEASE_SUBSTANTIAL, c->cfg.substantial_role, DURA_WHY2_PLANNED);
    dura_sodium_deinit(&provider);
    if (rc == DURA_EINVAL && !c->why)
        return dura_error_set(err, rc, policy_path, 0, "release_keys",
                              "cannot be right: a key twice, a threshold above their number, or a role nobody has");
    return DURA_OK;
}

/* Keys that a policy brings sign the release that brings them. */
static int prove_keys(check *c, const dura_crypto *crypto)
{
    dura_gate_config next;
    dura_gate_key key[DURA_GATE_KEYS_MAX];
    uint32_t slot_bytes;
    int rc = dura_release_policy(c->subject, c->subject_len, &next, key, &slot_bytes);
    if (rc != DURA_OK && rc != DURA_ENOENT)
        return dura_error_set(&c->more, rc, NULL, 0, NULL, "it is no policy this build reads: %s", dura_strerror(rc));
    for (uint32_t i = 0; i < next.n_keys; i++) {
        dura_release r = DURA_RELEASE_INIT;
        uint32_t known = 0;
        for (uint32_t k = 0; k < c->cfg.n_keys; k++)
            known |= memcmp(c->cfg.keys[k].pub, key[i].pub, sizeof key[i].pub) == 0;
        if (!known && dura_release_verify(c->envelope, c->len, crypto, &key[i], 1, 1, 0, &r, NULL) != DURA_OK) {
            c->why |= DURA_WHY_SIGNATURE;
            (void)dura_error_set(&c->more, DURA_EAUTH, NULL, 0, NULL, "release_keys[%u] of the new policy has not signed it",
                                 (unsigned)i);
        }
    }
    return DURA_OK;
}

static int check_keys(check *c)
{
    dura_sodium provider;
    if (!c->subject || c->release.component != DURA_COMPONENT_POLICY || c->why & DURA_WHY_DIGEST)
        return DURA_OK;
    int rc = dura_sodium_init(&provider, NULL, 0, NULL, NULL, NULL);
    if (rc != DURA_OK)
        return rc;
    if (prove_keys(c, &provider.crypto) != DURA_OK)
        c->why |= DURA_WHY_FORMAT;
    dura_sodium_deinit(&provider);
    return DURA_OK;
}

static int present(uint64_t *now, dura_error *err)
{
    *now = (uint64_t)time(NULL);
    if (now_text && cli_number(now_text, INT64_MAX / 1000000000, now) != 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--now", "want seconds since 1970");
    return DURA_OK;
}

/* Firmware of any length is read a chunk at a time; what is opened and tried is read whole. */
static int read_subject(check *c, dura_error *err)
{
    uint32_t why = 0;
    uint64_t bytes;
    int rc;
    if (!subject_path)
        return DURA_OK;
    c->looked = 1;
    if (c->release.component != DURA_COMPONENT_BOX)
        return cli_read_file(subject_path, &c->subject, &c->subject_len, err);
    rc = chunks_check(subject_path, words[1], c->envelope, c->len, &why, &bytes, &c->more);
    if (rc != DURA_OK)
        *err = c->more;
    c->why |= why;
    return rc;
}

static int judge(check *c, dura_error *err)
{
    uint64_t now;
    const void *payload;
    size_t n;
    int rc = present(&now, err);
    if (rc == DURA_OK)
        rc = verify(c, err);
    if (rc != DURA_OK)
        return rc;
    if (!c->release.version && dura_envelope_open(c->envelope, c->len, &payload, &n, NULL) == DURA_OK &&
        dura_release_decode(payload, n, &c->release) != DURA_OK)
        c->why |= DURA_WHY_FORMAT; /* what nobody signed is told as well, but what is none is not */
    if (!c->release.version)
        return DURA_OK;
    rc = read_subject(c, err);
    if (rc != DURA_OK)
        return rc;
    c->why |= dura_release_check(&c->release, &c->cfg, c->policy, c->policy_len, c->subject, c->subject_len,
                                 c->slot_bytes, (int64_t)now, &c->more);
    return check_keys(c);
}

static void print_check(const check *c)
{
    char *text = NULL;
    int known = c->release.version && dura_release_describe(&c->release, as_json, &text, NULL) == DURA_OK;
    if (as_json) {
        if (known)
            text[strcspn(text, "\n")] = '\0';
        printf("{\"answer\":%s,\"release\":%s,\"why\":", c->why ? "false" : "true", known ? text : "null");
        print_why(c->why);
        printf(",\"subject\":%s,\"detail\":", c->looked ? "true" : "false");
        if (c->more.text[0])
            cli_print_json_text(stdout, c->more.text);
        else
            printf("null");
        printf("}\n");
    } else {
        printf("%s%s\n", known ? text : "", c->why ? "NO, because" : "YES: the device takes it");
        print_why(c->why);
        if (c->more.text[0])
            printf("  %-10s %s\n", "", c->more.text);
        if (!c->looked && known && !c->why)
            printf("  the subject was not looked at (--subject)\n");
    }
    dura_pack_deinit(text);
}

static int run_check(void)
{
    static check c;
    dura_error err = {0};
    int json, rc;
    memset(&c, 0, sizeof c);
    if (!policy_path)
        return cli_usage(&self, "check wants --policy");
    rc = envelope_read(words[1], c.envelope, &c.len, &json, &err);
    if (rc == DURA_ECORRUPT) {
        c.why = DURA_WHY_FORMAT;
        print_check(&c);
        return cli_end(&self, CLI_NO);
    }
    if (rc == DURA_OK)
        rc = read_policy(&c, &err);
    if (rc == DURA_OK)
        rc = judge(&c, &err);
    if (rc == DURA_OK)
        print_check(&c);
    free(c.subject);
    dura_pack_deinit(c.policy);
    return rc == DURA_OK ? cli_end(&self, c.why ? CLI_NO : CLI_OK) : cli_fail(&self, rc, &err);
}

/* ---- status -------------------------------------------------------------------------------- */

static const char *slot_name(uint8_t slot)
{
    return slot == 0 ? "factory" : slot == 1 ? "A" : slot == 2 ? "B" : "none";
}

/* The window as the policy has it at this moment. */
typedef struct window {
    int known;                   /* 1: there is one; 2: and it is entered from opens to closes */
    int64_t now, opens, closes;  /* seconds since 1970 */
} window;

static int read_window(window *w, dura_error *err)
{
    static check c;
    uint64_t now;
    memset(w, 0, sizeof *w);
    if (!policy_path)
        return DURA_OK;
    int rc = present(&now, err);
    if (rc == DURA_OK)
        rc = read_policy(&c, err);
    w->now = (int64_t)now;
    w->known = rc == DURA_OK && c.cfg.window_minutes;
    if (w->known) {
        rc = dura_release_window(&c.cfg, w->now, &w->opens, &w->closes);
        w->known += rc == DURA_OK;
        if (rc == DURA_EINVAL)
            rc = dura_error_set(err, rc, NULL, 0, "--now", "is too late for a device's clock");
        rc = rc == DURA_ENOENT ? DURA_OK : rc;
    }
    dura_pack_deinit(c.policy);
    return rc;
}

static const char *utc(int64_t s, char text[32])
{
    time_t t = (time_t)s;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(text, "?", 2);
    return text;
}

static void window_words(const window *w)
{
    char opens[32], closes[32];
    if (w->known == 1)
        printf("  window     never opens for long enough\n");
    if (w->known == 2)
        printf("  window     %s %s, until %s\n", w->opens == w->now ? "open at" : "opens", utc(w->opens, opens),
               utc(w->closes, closes));
}

static void window_json(const window *w)
{
    if (w->known == 0)
        return;
    if (w->known == 1)
        printf(",\"window\":null");
    else
        printf(",\"window\":{\"open\":%s,\"opens\":\"%lld\",\"closes\":\"%lld\"}", w->opens == w->now ? "true" : "false",
               (long long)w->opens, (long long)w->closes);
}

static void status_json(const dura_journal_info *i, const window *w)
{
    const dura_gate_status *s = &i->status;
    printf("{\"state\":\"%s\",\"seq\":\"%llu\",\"records\":%u,\"component\":", dura_gate_state_name(s->state),
           (unsigned long long)s->seq, i->records);
    printf(s->component ? "\"%s\"" : "null", dura_component_name(s->component));
    printf(",\"slot\":\"%s\",\"candidate\":\"%llu\",\"attempt\":%u,\"offset\":\"%llu\",\"length\":\"%llu\",\"why\":",
           slot_name(s->slot), (unsigned long long)s->candidate, s->attempt, (unsigned long long)s->offset,
           (unsigned long long)s->length);
    print_why((uint64_t)s->why2 << 32 | s->why);
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++)
        printf("%s\"%s\":{\"version\":\"%llu\",\"floor\":\"%llu\"}", c == 1 ? ",\"components\":{" : ",",
               dura_component_name(c), (unsigned long long)s->version[c], (unsigned long long)s->floor_[c]);
    printf("},\"reached\":\"%llu\",\"attempt_id\":\"%llu\",\"release\":\"", (unsigned long long)s->reached,
           (unsigned long long)s->nonce);
    print_hex(s->release, sizeof s->release);
    printf("\",\"approved\":%u", s->approved);
    printf(",\"slots\":{\"A\":\"%llu\",\"B\":\"%llu\"},\"wall\":\"%lld\",\"digest\":\"",
           (unsigned long long)i->slot_version[0], (unsigned long long)i->slot_version[1], (long long)i->wall_s);
    print_hex(s->digest, sizeof s->digest);
    printf("\",\"policy\":\"");
    print_hex(s->policy, sizeof s->policy);
    printf("\",\"box\":\"");
    print_hex(i->box, sizeof i->box);
    printf(dura_gate_patch_state(s) ? "\",\"patch_state\":\"%s\"" : "\",\"patch_state\":null%s",
           dura_gate_patch_state(s) ? dura_gate_patch_state(s) : "");
    window_json(w);
    printf("}\n");
}

static void status_words(const dura_journal_info *i, const window *w)
{
    const dura_gate_status *s = &i->status;
    printf("%s", dura_gate_state_name(s->state));
    if (s->component)
        printf(": %s %llu", dura_component_name(s->component), (unsigned long long)s->candidate);
    printf("\n");
    print_why((uint64_t)s->why2 << 32 | s->why);
    printf("  runs       %s\n", slot_name(s->slot));
    for (uint32_t c = 1; c < DURA_COMPONENTS; c++)
        printf("  %-10s version %llu, floor %llu\n", dura_component_name(c), (unsigned long long)s->version[c],
               (unsigned long long)s->floor_[c]);
    if (s->reached > s->version[DURA_COMPONENT_BRAIN] && s->slot != 255)
        printf("  went back  from brain %llu: the next one is above that\n", (unsigned long long)s->reached);
    if (dura_gate_patch_state(s))
        printf("  patch      %s (IEC 62443-2-3)\n", dura_gate_patch_state(s));
    if (s->state == DURA_GATE_STAGING)
        printf("  staged     %llu of %llu bytes\n", (unsigned long long)s->offset, (unsigned long long)s->length);
    if (s->nonce) {
        printf("  attempt    %llu, release sha256 ", (unsigned long long)s->nonce);
        print_hex(s->release, sizeof s->release);
        printf("\n");
    }
    for (uint32_t k = 0; k < DURA_GATE_KEYS_MAX; k++)
        if (s->approved >> k & 1u)
            printf("  approved   by release_keys[%u]\n", (unsigned)k);
    window_words(w);
    printf("  journal    record %llu, %u readable; tags are not checked without the device's key\n",
           (unsigned long long)s->seq, i->records);
}

static int read_journal(dura_journal_info *info, dura_error *err)
{
    char *bytes;
    size_t n;
    memset(info, 0, sizeof *info);
    info->struct_size = (uint32_t)sizeof *info;
    int rc = cli_read_file(words[1], &bytes, &n, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_journal_query(bytes, n, info);
    free(bytes);
    return rc == DURA_ENOENT ? dura_error_set(err, rc, words[1], 0, NULL, "holds no record of a gate: never written, or lost") : rc;
}

static int run_status(void)
{
    dura_error err = {0};
    dura_journal_info info;
    window w;
    int rc = read_journal(&info, &err);
    if (rc == DURA_OK)
        rc = read_window(&w, &err);
    if (rc != DURA_OK)
        return cli_fail(&self, rc, &err);
    if (as_json)
        status_json(&info, &w);
    else
        status_words(&info, &w);
    return cli_end(&self, CLI_OK);
}

/* ---- approve ------------------------------------------------------------------------------- */

/* The release as the person has it is the one the device has in hand; shown before it is signed. */
static int same_release(check *c, const dura_journal_info *i, dura_error *err)
{
    uint8_t digest[DURA_HASH_BYTES];
    const void *payload;
    char *text;
    size_t n;
    int json, rc = envelope_read(release_path, c->envelope, &c->len, &json, err);
    c->release = (dura_release)DURA_RELEASE_INIT;
    if (rc == DURA_OK)
        rc = dura_envelope_open(c->envelope, c->len, &payload, &n, NULL);
    if (rc == DURA_OK && dura_release_decode(payload, n, &c->release) != DURA_OK)
        rc = dura_error_set(err, DURA_EVERSION, release_path, 0, NULL, "holds no release this build knows");
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(digest, payload, n);
    if (!i->status.nonce)
        return dura_error_set(err, DURA_ESTATE, words[1], 0, NULL, "no release is in the device's hand");
    if (memcmp(digest, i->status.release, sizeof digest) != 0)
        return dura_error_set(err, DURA_EDENIED, release_path, 0, NULL, "is not the release in the device's hand");
    rc = dura_release_describe(&c->release, 0, &text, NULL);
    if (rc == DURA_OK) {
        fputs(text, stdout);
        dura_pack_deinit(text);
    }
    return rc;
}

/* A signature nobody asks for would only be refused at the device. */
static int asked_for(const check *c, dura_error *err)
{
    uint8_t seed[DURA_SEED_BYTES], sig[DURA_SIG_BYTES], pub[DURA_PUBKEY_BYTES];
    int rc = signer_load(key_path, seed, err);
    if (rc != DURA_OK)
        return rc;
    dura_keyfile_sign(seed, seed, 0, sig, pub); /* for the public key of it */
    memset(seed, 0, sizeof seed);
    for (uint32_t k = 0; k < c->cfg.n_keys; k++)
        if (memcmp(c->cfg.keys[k].pub, pub, sizeof pub) == 0 && (c->cfg.approve >> c->cfg.keys[k].role & 1u))
            return DURA_OK;
    return dura_error_set(err, DURA_EDENIED, key_path, 0, NULL, "is no key of a role that must approve (approve in the policy's updates)");
}

static int make_approval(const check *c, const dura_journal_info *i, uint8_t *envelope, size_t *len, dura_error *err)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX], seed[DURA_SEED_BYTES];
    size_t n = sizeof payload, cap = *len;
    char *text;
    dura_approval a = DURA_APPROVAL_INIT;
    a.nonce = i->status.nonce;
    memcpy(a.release, i->status.release, sizeof a.release);
    memcpy(a.policy, c->cfg.policy, sizeof a.policy);
    memcpy(a.device, c->cfg.device, strlen(c->cfg.device));
    int rc = cli_date(after_text, "--not-after", &a.not_after_s, err);
    if (rc == DURA_OK)
        rc = dura_approval_encode(&a, payload, &n, err);
    if (rc == DURA_OK)
        rc = dura_approval_make(payload, n, envelope, len);
    if (rc == DURA_OK)
        rc = signer_load(key_path, seed, err);
    if (rc == DURA_OK)
        rc = dura_envelope_sign(envelope, len, cap, seed);
    memset(seed, 0, sizeof seed);
    if (rc == DURA_OK)
        rc = dura_approval_describe(&a, 0, &text, NULL);
    if (rc == DURA_OK) {
        fputs(text, stdout);
        dura_pack_deinit(text);
    }
    return rc;
}

static int run_approve(void)
{
    static check c;
    dura_error err = {0};
    dura_journal_info info;
    uint8_t envelope[DURA_RELEASE_MAX];
    size_t len = sizeof envelope;
    char *text = NULL;
    memset(&c, 0, sizeof c);
    if (!policy_path || !release_path || !key_path || !out_path)
        return cli_usage(&self, "approve wants --release, --policy, --key and -o");
    int rc = read_journal(&info, &err);
    if (rc == DURA_OK)
        rc = read_policy(&c, &err);
    if (rc == DURA_OK)
        rc = same_release(&c, &info, &err);
    if (rc == DURA_OK)
        rc = asked_for(&c, &err);
    if (rc == DURA_OK)
        rc = make_approval(&c, &info, envelope, &len, &err);
    if (rc == DURA_OK && as_json)
        rc = dura_envelope_json(envelope, len, &text, &len);
    if (rc == DURA_OK)
        rc = cli_write_file(out_path, text ? (const void *)text : envelope, len, 0, &err);
    dura_pack_deinit(text);
    dura_pack_deinit(c.policy);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}

int cmd_gate(int argc, char **argv)
{
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    if (words[1] && strcmp(words[0], "check") == 0)
        return run_check();
    if (words[1] && strcmp(words[0], "status") == 0)
        return run_status();
    if (words[1] && strcmp(words[0], "approve") == 0)
        return run_approve();
    return cli_usage(&self, "want: dura gate %s", self.synopsis);
}
