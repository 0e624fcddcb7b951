/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The correlator: scenarios with the verdict each must get, the rules of evidence, and the
 * properties that hold for every sequence. A scenario is a few lines of records; expected
 * verdicts come from what is meant (docs/correlate.md), not from the sums. What a record
 * is called and what its numbers mean is written out here again, so that a word that moved
 * in the sources is seen.
 */
#include "dt.h"

#include <dura/correlate.h>
#include <dura/drift.h>
#include <dura/gate.h>
#include <dura/sensor.h>

#include "base/dura_base_priv.h"

enum { S = 1000000000, ASSET = 7, ZONE = 3, OTHER_ASSET = 8, OTHER_ZONE = 9, CHANNELS = 8 };
enum { NONE = DURA_TRUST_NONE, SOURCE = DURA_TRUST_SOURCE, LOCAL = DURA_TRUST_LOCAL };

/* ---- a correlator and records for it ---------------------------------------------------- */

typedef struct rig {
    uint64_t mem[1024];
    dura_correlate *c;
    uint64_t gseq;
    uint32_t boot;
    int64_t wall_off;
    uint8_t quality;
    int last;                /* what the last call returned */
    int changes;             /* records that changed the incident */
} rig;

static dura_correlate_config config(void)
{
    dura_correlate_config k = DURA_CORRELATE_CONFIG_INIT;
    k.n_channels = CHANNELS;
    k.asset = ASSET;
    k.zone = ZONE;
    k.drift_watched = 1;
    return k;
}

static void start(rig *r, const dura_correlate_config *k)
{
    dura_correlate_config mine = config();
    memset(r, 0xA5, sizeof *r);
    r->gseq = 0;
    r->boot = 1;
    r->wall_off = 0;
    r->quality = DURA_CLOCK_NONE;
    r->last = r->changes = 0;
    dt_ok(dura_correlate_bytes(k ? k : &mine) <= sizeof r->mem, "room");
    dt_eq(dura_correlate_init(&r->c, r->mem, sizeof r->mem, k ? k : &mine), DURA_OK, "init");
}

static dura_ref at(rig *r, double s, uint8_t log)
{
    dura_ref ref;
    memset(&ref, 0, sizeof ref);
    ref.time.mono_ns = (int64_t)(s * S);
    ref.time.boot = r->boot;
    ref.time.quality = r->quality;
    ref.time.wall_ns = ref.time.mono_ns + r->wall_off;
    ref.gseq = r->gseq++;
    ref.leaf[0] = (uint8_t)ref.gseq;
    ref.log = log;
    return ref;
}

static int said(rig *r, int rc)
{
    dt_ok(rc >= 0, "the call failed: %d", rc);
    r->last = rc;
    r->changes += (rc & 2) != 0;
    return rc;
}

static int fact(rig *r, double s, uint16_t kind, uint16_t channel, uint32_t reasons, int64_t v0, int64_t v1,
                int64_t v2)
{
    dura_fact f;
    dura_ref ref = at(r, s, DURA_LOG_DECISION);
    memset(&f, 0, sizeof f);
    f.kind = kind;
    f.channel = channel;
    f.reasons = reasons;
    f.value[0] = v0;
    f.value[1] = v1;
    f.value[2] = v2;
    return said(r, dura_correlate_update(r->c, &f, &ref));
}

static int bad(rig *r, double s, uint16_t channel, uint32_t reasons)
{
    return fact(r, s, DURA_FACT_CHANNEL, channel, reasons, DURA_GOOD,
                reasons & DURA_R_MISSING ? DURA_MISSING : DURA_FAIL, 0);
}
static int good(rig *r, double s, uint16_t channel)
{
    return fact(r, s, DURA_FACT_CHANNEL, channel, 0, DURA_FAIL, DURA_GOOD, 0);
}
static int slow(rig *r, double s, uint16_t channel)
{
    return fact(r, s, DURA_FACT_DRIFT, channel, 0, DURA_DRIFT_UP, 500, 200);
}
static int sudden(rig *r, double s, uint16_t channel)
{
    return fact(r, s, DURA_FACT_DRIFT, channel, 0, DURA_DRIFT_DOWN, 2000, 5);
}
static int back(rig *r, double s, uint16_t channel)
{
    return fact(r, s, DURA_FACT_DRIFT, channel, 0, DURA_DRIFT_BACK, 0, 0);
}
static int release(rig *r, double s, int64_t state)
{
    return fact(r, s, DURA_FACT_RELEASE, DURA_NONE, 0, DURA_GATE_PROBATION, state, 2);
}

static dura_event event_of(uint8_t type, uint8_t severity, uint8_t trust, uint16_t asset, uint16_t zone)
{
    dura_event e = DURA_EVENT_INIT;
    e.type = type;
    e.severity = severity;
    e.trust = trust;
    e.asset = asset;
    e.zone = zone;
    return e;
}
static int tell(rig *r, double s, const dura_event *e)
{
    dura_ref ref = at(r, s, DURA_LOG_SECURITY);
    return said(r, dura_correlate_event(r->c, e, &ref));
}
static int event(rig *r, double s, uint8_t type, uint8_t severity, uint8_t trust, uint16_t asset)
{
    dura_event e = event_of(type, severity, trust, asset, ZONE);
    return tell(r, s, &e);
}
static int heartbeat(rig *r, double s) { return event(r, s, DURA_EVENT_HEARTBEAT, 0, SOURCE, DURA_NONE); }

static int poll(rig *r, double s)
{
    dura_ref ref = at(r, s, 0);
    r->gseq--;
    return said(r, dura_correlate_poll(r->c, &ref.time));
}

/* Guessing passwords until one fits, then a parameter is written. */
static void intrusion(rig *r, double s, uint8_t trust)
{
    for (int i = 0; i < 4; i++)
        event(r, s + i * 0.5, DURA_EVENT_ACCESS_FAILED, 4, trust, ASSET);
    event(r, s + 3, DURA_EVENT_ACCESS, 3, trust, ASSET);
    event(r, s + 5, DURA_EVENT_CONFIG, 4, trust, ASSET);
}

static dura_incident look(const rig *r)
{
    dura_incident in = DURA_INCIDENT_INIT;
    dt_eq(dura_correlate_query(r->c, &in), DURA_OK, "there is no incident");
    return in;
}

static const char *cause_name(uint8_t cause)
{
    static const char *const names[] = {"normal", "fault", "drift", "attack", "change", "unknown"};
    return cause < 6 ? names[cause] : "?";
}

static const char *sums(const dura_incident *in)
{
    static char text[160];
    snprintf(text, sizeof text, "%s fault %d drift %d attack %d change %d, %u rows, flags %u missing %x",
             cause_name(in->cause), in->total[0], in->total[1], in->total[2], in->total[3], in->n_evidence,
             in->flags, (unsigned)in->missing);
    return text;
}

#define VERDICT(r, want)                                                               \
    do {                                                                               \
        dura_incident in_ = look(r);                                                   \
        dt_str(cause_name(in_.cause), want, "%s", sums(&in_));                         \
    } while (0)

static const dura_evidence *row_of(const dura_incident *in, uint8_t kind)
{
    for (uint32_t i = 0; i < in->n_evidence; i++)
        if (in->evidence[i].kind == kind)
            return &in->evidence[i];
    return NULL;
}

/* ---- scenarios ------------------------------------------------------------------------------ */

DT_TEST(correlate_scenarios, a_stuck_sensor_alone_is_a_fault)
{
    rig r;
    start(&r, NULL);
    dt_eq(bad(&r, 10, 2, DURA_R_FLAT_FAIL), 3, "evidence, and it opens");
    VERDICT(&r, "fault");
    dura_incident in = look(&r);
    dt_ok(in.id == 1 && in.state == DURA_INCIDENT_OPENED && in.n_channels == 1 && in.channel[0] == 2, "incident");
    dt_eq(in.missing, DURA_MISSING_SECURITY, "nobody watched the network, and that is said");
    dt_eq(in.trusted, DURA_CAUSE_FAULT, "");
}

DT_TEST(correlate_scenarios, a_missing_sensor_is_a_fault_in_every_policy_size)
{
    rig r;
    dura_correlate_config k = config();
    for (uint16_t n = 1; n <= 8; n++) {
        k.n_channels = n;
        start(&r, &k);
        bad(&r, 10, 0, DURA_R_MISSING | DURA_R_STALE);
        VERDICT(&r, "fault");
    }
}

/* One channel's checks and what they say, alone and in a large policy. */
DT_TEST(correlate_scenarios, each_check_of_the_sensor_has_its_kind)
{
    static const struct { const char *what; uint32_t reasons; uint8_t kind; const char *verdict; } rows[] = {
        {"missing", DURA_R_MISSING, DURA_EV_MISSING, "fault"},
        {"not finite", DURA_R_NONFINITE, DURA_EV_MISSING, "fault"},
        {"stale", DURA_R_STALE, DURA_EV_MISSING, "fault"},
        {"flat", DURA_R_FLAT_FAIL, DURA_EV_FLAT, "fault"},
        {"flat, suspect", DURA_R_FLAT_SUSPECT, DURA_EV_FLAT, "fault"},
        {"range", DURA_R_RANGE_FAIL, DURA_EV_RANGE, "fault"},
        {"range, suspect", DURA_R_RANGE_SUSPECT, DURA_EV_RANGE, "fault"},
        {"jumped out of range", DURA_R_RANGE_FAIL | DURA_R_RATE_FAIL, DURA_EV_RANGE, "fault"},
        {"rate", DURA_R_RATE_FAIL, DURA_EV_RATE, "fault"},
        {"rate, suspect", DURA_R_RATE_SUSPECT, DURA_EV_RATE, "fault"},
        {"time reversed", DURA_R_TIME_REVERSED, DURA_EV_TIME, "unknown"},
        {"time twice", DURA_R_TIME_DUPLICATE, DURA_EV_TIME, "unknown"},
        {"gap", DURA_R_TIME_GAP, DURA_EV_TIME, "unknown"},
        {"no reason given", 0, DURA_EV_RANGE, "fault"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        start(&r, NULL);
        bad(&r, 1, 4, rows[i].reasons);
        dura_incident in = look(&r);
        dt_ok(row_of(&in, rows[i].kind) != NULL && in.n_evidence == 2, "%s: %s", rows[i].what, sums(&in));
        dt_str(cause_name(in.cause), rows[i].verdict, "%s: %s", rows[i].what, sums(&in));
    }
}

DT_TEST(correlate_scenarios, a_suspect_channel_counts_and_an_unknown_one_does_not)
{
    rig r;
    start(&r, NULL);
    dt_eq(fact(&r, 1, DURA_FACT_CHANNEL, 1, DURA_R_WARMUP, DURA_GOOD, DURA_UNKNOWN, 0), 0, "warming up");
    dt_eq(fact(&r, 2, DURA_FACT_CHANNEL, 1, DURA_R_FLAT_SUSPECT, DURA_UNKNOWN, DURA_SUSPECT, 0), 3, "suspect");
}

DT_TEST(correlate_scenarios, slow_drift_of_several_channels_under_a_quiet_network_is_drift)
{
    rig r;
    start(&r, NULL);
    heartbeat(&r, 1);
    for (uint16_t c = 0; c < 3; c++)
        slow(&r, 100 + c, c);
    VERDICT(&r, "drift");
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_MANY) && row_of(&in, DURA_EV_NETWORK_QUIET) && !row_of(&in, DURA_EV_ISOLATED),
          "%s", sums(&in));
    dt_eq(in.missing, 0, "everything could be looked at");
}

DT_TEST(correlate_scenarios, the_same_without_any_security_source_is_drift_and_says_what_is_missing)
{
    rig r;
    start(&r, NULL);
    for (uint16_t c = 0; c < 3; c++)
        slow(&r, 100 + c, c);
    VERDICT(&r, "drift");
    dura_incident in = look(&r);
    dt_eq(in.missing, DURA_MISSING_SECURITY, "");
    dt_ok(!row_of(&in, DURA_EV_NETWORK_QUIET), "silence of nobody is no evidence");
}

/* One channel alone: the sensor drifts, or the plant does. Nobody can tell from here. */
DT_TEST(correlate_scenarios, slow_drift_of_one_channel_is_unknown_between_fault_and_drift)
{
    rig r;
    start(&r, NULL);
    heartbeat(&r, 1);
    slow(&r, 100, 5);
    VERDICT(&r, "unknown");
    dura_incident in = look(&r);
    dt_ok(in.total[0] >= 6 && in.total[1] >= 6 && in.total[2] < 6 && in.total[3] < 6, "%s", sums(&in));
}

DT_TEST(correlate_scenarios, a_sudden_bias_behind_an_authenticated_intrusion_is_an_attack)
{
    rig r;
    start(&r, NULL);
    intrusion(&r, 100, SOURCE);
    dt_eq(r.changes, 0, "an intrusion of middling severity opens nothing by itself");
    dt_eq(sudden(&r, 130, 2), 3, "");
    VERDICT(&r, "attack");
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_ACCESS) && row_of(&in, DURA_EV_CONFIG) && row_of(&in, DURA_EV_RECON), "%s", sums(&in));
    dt_eq(in.flags, 0, "");
    dt_eq(in.begin.mono_ns, 100ll * S, "it began with the first failed login");
    dt_eq(in.end.mono_ns, 130ll * S, "");
}

DT_TEST(correlate_scenarios, the_same_from_nobody_in_particular_is_never_an_attack)
{
    rig r;
    start(&r, NULL);
    intrusion(&r, 100, NONE);
    sudden(&r, 130, 2);
    dura_incident in = look(&r);
    dt_str(cause_name(in.cause), "unknown", "%s", sums(&in));
    dt_eq(in.flags, DURA_INCIDENT_UNTRUSTED, "%s", sums(&in));
    dt_ok(in.missing & DURA_MISSING_TRUST, "%s", sums(&in));
    for (int i = 0; i < 100; i++) {
        event(&r, 131, DURA_EVENT_EXPLOIT, 10, NONE, ASSET);
        event(&r, 131, DURA_EVENT_MALWARE, 10, NONE, ASSET);
    }
    in = look(&r);
    dt_str(cause_name(in.cause), "unknown", "however much of it: %s", sums(&in));
    dt_ok(in.total[2] > in.total[0] + 10, "%s", sums(&in));
}

DT_TEST(correlate_scenarios, a_port_scan_during_a_real_failure_leaves_a_fault)
{
    static const uint16_t where[][2] = {{DURA_NONE, DURA_NONE}, {OTHER_ASSET, OTHER_ZONE}, {OTHER_ASSET, ZONE}, {ASSET, ZONE}};
    for (size_t i = 0; i < 4; i++) {
        rig r;
        dura_event e = event_of(DURA_EVENT_RECON, 8, SOURCE, where[i][0], where[i][1]);
        start(&r, NULL);
        for (int n = 0; n < 200; n++)
            tell(&r, 90 + n * 0.05, &e);
        bad(&r, 100, 2, DURA_R_FLAT_FAIL);
        for (int n = 0; n < 200; n++)
            tell(&r, 100 + n * 0.05, &e);
        VERDICT(&r, "fault");
        dura_incident in = look(&r);
        dt_ok(row_of(&in, DURA_EV_RECON)->count == 400, "row %u: %s", (unsigned)i, sums(&in));
    }
}

DT_TEST(correlate_scenarios, a_step_behind_an_announced_calibration_is_a_change)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_CALIBRATION, 2, SOURCE, ASSET);
    sudden(&r, 130, 2);
    VERDICT(&r, "change");
}

DT_TEST(correlate_scenarios, an_announcement_that_nobody_vouches_for_explains_nothing)
{
    static const uint8_t types[] = {DURA_EVENT_CALIBRATION, DURA_EVENT_MAINTENANCE, DURA_EVENT_UPDATE};
    for (size_t i = 0; i < sizeof types; i++) {
        rig with, without;
        start(&with, NULL);
        start(&without, NULL);
        event(&with, 100, types[i], 2, NONE, ASSET);
        event(&without, 100, DURA_EVENT_HEARTBEAT, 2, NONE, ASSET);
        sudden(&with, 130, 2);
        sudden(&without, 130, 2);
        dura_incident a = look(&with), b = look(&without);
        dt_mem(a.total, b.total, sizeof a.total, "type %u: %s", types[i], sums(&a));
        dt_ok(a.n_evidence == b.n_evidence + 1, "it is listed all the same");
    }
}

DT_TEST(correlate_scenarios, maintenance_in_the_zone_explains_a_written_parameter)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_MAINTENANCE, 1, SOURCE, OTHER_ASSET);
    event(&r, 110, DURA_EVENT_CONFIG, 4, SOURCE, ASSET);
    sudden(&r, 130, 2);
    VERDICT(&r, "change");
}

DT_TEST(correlate_scenarios, a_written_parameter_that_nobody_announced_leaves_it_open)
{
    rig r;
    start(&r, NULL);
    event(&r, 110, DURA_EVENT_CONFIG, 4, SOURCE, ASSET);
    sudden(&r, 130, 2);
    VERDICT(&r, "unknown");
}

DT_TEST(correlate_scenarios, drift_behind_an_update_is_a_change_however_many_channels)
{
    for (uint16_t n = 1; n <= CHANNELS; n++) {
        rig r;
        start(&r, NULL);
        dt_eq(release(&r, 100, DURA_GATE_COMMITTED), 0, "an update opens nothing");
        for (uint16_t c = 0; c < n; c++)
            slow(&r, 110, c);
        VERDICT(&r, "change");
    }
}

DT_TEST(correlate_scenarios, an_update_that_was_rolled_back_for_its_answers_is_a_change)
{
    rig r;
    start(&r, NULL);
    fact(&r, 100, DURA_FACT_OUTPUT_BOUNDED, DURA_NONE, 1, 0, 0, 0);
    VERDICT(&r, "unknown");
    release(&r, 101, DURA_GATE_ROLLED_BACK);
    VERDICT(&r, "change");
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_BACKEND) && row_of(&in, DURA_EV_UPDATE) && row_of(&in, DURA_EV_OUTPUT), "%s", sums(&in));
}

DT_TEST(correlate_scenarios, other_states_of_the_gate_say_nothing)
{
    for (int64_t s = 0; s < 16; s++) {
        rig r;
        if (s == DURA_GATE_COMMITTED || s == DURA_GATE_ROLLED_BACK)
            continue;
        start(&r, NULL);
        dt_eq(release(&r, 100, s), 0, "state %d", (int)s);
        bad(&r, 101, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_ok(!row_of(&in, DURA_EV_UPDATE), "state %d", (int)s);
    }
}

DT_TEST(correlate_scenarios, vanished_noise_under_a_quiet_network_names_fault_and_attack)
{
    rig r;
    start(&r, NULL);
    heartbeat(&r, 1);
    fact(&r, 100, DURA_FACT_DRIFT, 3, 0, DURA_DRIFT_NARROWER, 500, 60);
    VERDICT(&r, "unknown");
    dura_incident in = look(&r);
    dt_ok(in.total[0] >= 8 && in.total[2] >= 8 && in.total[1] < 0 && in.total[3] <= 0, "%s", sums(&in));
}

DT_TEST(correlate_scenarios, noise_that_grew_on_one_channel_is_a_fault)
{
    rig r;
    start(&r, NULL);
    fact(&r, 100, DURA_FACT_DRIFT, 3, 0, DURA_DRIFT_WIDER, 3000, 20);
    VERDICT(&r, "fault");
}

DT_TEST(correlate_scenarios, a_lost_log_and_an_exploit_on_the_asset_are_an_attack)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    dt_eq(fact(&r, 120, DURA_FACT_LOG_LOST, DURA_NONE, 0, 0, 0, 0), 3, "a log that is gone opens");
    VERDICT(&r, "attack");
    dura_incident in = look(&r);
    dt_ok(in.missing & DURA_MISSING_LOG, "%s", sums(&in));
    start(&r, NULL);
    fact(&r, 120, DURA_FACT_LOG_LOST, DURA_NONE, 0, 0, 0, 0);
    VERDICT(&r, "unknown");
}

DT_TEST(correlate_scenarios, a_hostile_program_download_revises_a_fault_to_an_attack)
{
    rig r;
    start(&r, NULL);
    heartbeat(&r, 1);
    bad(&r, 100, 2, DURA_R_RATE_FAIL);
    VERDICT(&r, "fault");
    dt_eq(event(&r, 110, DURA_EVENT_CONFIG, 8, SOURCE, ASSET), 3, "");
    VERDICT(&r, "attack");
    dura_incident in = look(&r);
    dt_ok(in.state == DURA_INCIDENT_REVISED && in.id == 1, "the same incident, revised");
    dt_ok(!row_of(&in, DURA_EV_NETWORK_QUIET), "the network is quiet no longer");
}

DT_TEST(correlate_scenarios, an_exploit_beside_slow_drift_of_one_channel_is_an_attack)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    slow(&r, 200, 1);
    VERDICT(&r, "attack");
}

DT_TEST(correlate_scenarios, an_exploit_elsewhere_in_the_zone_leaves_a_stuck_sensor_a_fault)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_EXPLOIT, 5, SOURCE, OTHER_ASSET);
    bad(&r, 110, 2, DURA_R_FLAT_FAIL);
    VERDICT(&r, "fault");
}

DT_TEST(correlate_scenarios, a_model_that_fails_is_a_fault)
{
    rig r;
    start(&r, NULL);
    dt_eq(fact(&r, 1, DURA_FACT_BACKEND_FAILED, DURA_NONE, 0, DURA_EIO, 0, 0), 3, "");
    VERDICT(&r, "fault");
}

DT_TEST(correlate_scenarios, a_monitor_that_does_not_prove_itself_is_an_incident_nobody_can_explain)
{
    static const struct { const char *row; int64_t what; int opens; } rows[] = {
        {"missed", DURA_MONITOR_MISSED, 1}, {"late", DURA_MONITOR_LATE, 1}, {"failed", DURA_MONITOR_FAILED, 1},
        {"silent", DURA_MONITOR_SILENT, 1}, {"began anew", DURA_MONITOR_ANEW, 0}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        rig r;
        dura_incident i = DURA_INCIDENT_INIT;
        start(&r, NULL);
        int bits = fact(&r, 1, DURA_FACT_MONITOR, DURA_NONE, 0, rows[k].what, 300, 256);
        dt_eq(bits != 0, rows[k].opens, "%s", rows[k].row);
        if (!rows[k].opens)
            continue;
        VERDICT(&r, "unknown");
        dt_eq(dura_correlate_query(r.c, &i), DURA_OK, "");
        dt_ok(i.missing & DURA_MISSING_DRIFT, "%s: and what drift would have said is not known", rows[k].row);
        dt_eq(i.evidence[0].kind, DURA_EV_MONITOR, "");
    }
}

DT_TEST(correlate_scenarios, a_silent_monitor_beside_an_exploit_on_the_asset_is_an_attack)
{
    rig r;
    start(&r, NULL);
    event(&r, 100, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    dt_ok(fact(&r, 110, DURA_FACT_MONITOR, DURA_NONE, 0, DURA_MONITOR_SILENT, 300, 256) != 0, "");
    VERDICT(&r, "attack");
}

DT_TEST(correlate_scenarios, a_severe_hostile_event_next_door_opens_by_itself_only_when_authenticated)
{
    static const struct { const char *what; uint8_t type, severity, trust, failed; uint16_t asset, zone; int opens; } rows[] = {
        {"on the asset", DURA_EVENT_EXPLOIT, 7, SOURCE, 0, ASSET, ZONE, 1},
        {"in the zone", DURA_EVENT_MALWARE, 9, SOURCE, 0, OTHER_ASSET, ZONE, 1},
        {"seen by the device itself", DURA_EVENT_PHYSICAL, 7, LOCAL, 0, DURA_NONE, DURA_NONE, 1},
        {"less severe", DURA_EVENT_EXPLOIT, 6, SOURCE, 0, ASSET, ZONE, 0},
        {"unauthenticated", DURA_EVENT_EXPLOIT, 10, NONE, 0, ASSET, ZONE, 0},
        {"elsewhere", DURA_EVENT_EXPLOIT, 10, SOURCE, 0, OTHER_ASSET, OTHER_ZONE, 0},
        {"not mapped", DURA_EVENT_EXPLOIT, 10, SOURCE, 0, DURA_NONE, DURA_NONE, 0},
        {"blocked", DURA_EVENT_EXPLOIT, 10, SOURCE, 1, ASSET, ZONE, 0},
        {"a scan", DURA_EVENT_RECON, 10, SOURCE, 0, ASSET, ZONE, 0},
        {"a login", DURA_EVENT_ACCESS, 10, SOURCE, 0, ASSET, ZONE, 0},
        {"a hostile write", DURA_EVENT_CONFIG, 7, SOURCE, 0, ASSET, ZONE, 1},
        {"a plain write", DURA_EVENT_CONFIG, 6, SOURCE, 0, ASSET, ZONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        dura_incident in = DURA_INCIDENT_INIT;
        dura_event e = event_of(rows[i].type, rows[i].severity, rows[i].trust, rows[i].asset, rows[i].zone);
        e.failed = rows[i].failed;
        start(&r, NULL);
        dt_eq(tell(&r, 5, &e), rows[i].opens ? 3 : 0, "%s", rows[i].what);
        dt_eq(dura_correlate_query(r.c, &in), rows[i].opens ? DURA_OK : DURA_ENOENT, "%s", rows[i].what);
    }
}

/* ---- rules of evidence --------------------------------------------------------------------- */

DT_TEST(correlate_evidence, a_login_counts_behind_three_failures_only)
{
    for (int n = 0; n <= 4; n++) {
        rig r;
        start(&r, NULL);
        for (int i = 0; i < n; i++) {
            dura_event e = event_of(i & 1 ? DURA_EVENT_ACCESS : DURA_EVENT_ACCESS_FAILED, 4, SOURCE, ASSET, ZONE);
            e.failed = i & 1; /* both ways to say that a login failed */
            tell(&r, 100 + i, &e);
        }
        event(&r, 110, DURA_EVENT_ACCESS, 3, SOURCE, ASSET);
        bad(&r, 120, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_ok((row_of(&in, DURA_EV_ACCESS) != NULL) == (n >= 3), "%d failures: %s", n, sums(&in));
        dt_ok((row_of(&in, DURA_EV_RECON) != NULL) == (n >= 3), "%d failures: %s", n, sums(&in));
    }
}

DT_TEST(correlate_evidence, a_login_is_as_trusted_as_the_failures_before_it)
{
    static const uint8_t rows[][3] = {{SOURCE, SOURCE, SOURCE}, {NONE, SOURCE, NONE}, {SOURCE, NONE, NONE}, {NONE, NONE, NONE}};
    for (size_t i = 0; i < 4; i++) {
        rig r;
        start(&r, NULL);
        for (int k = 0; k < 3; k++)
            event(&r, 100, DURA_EVENT_ACCESS_FAILED, 4, rows[i][0], ASSET);
        event(&r, 101, DURA_EVENT_ACCESS, 4, rows[i][1], ASSET);
        bad(&r, 120, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_ok(row_of(&in, DURA_EV_ACCESS) && row_of(&in, DURA_EV_ACCESS)->trust == rows[i][2], "row %u", (unsigned)i);
    }
}

DT_TEST(correlate_evidence, writes_that_never_cease_are_the_plants_habit)
{
    rig r;
    start(&r, NULL);
    for (int s = 0; s < 1000; s++)
        event(&r, s, DURA_EVENT_CONFIG, 4, SOURCE, ASSET);
    bad(&r, 1000, 1, DURA_R_FLAT_FAIL);
    for (int s = 1001; s < 1020; s++)
        dt_eq(event(&r, s, DURA_EVENT_CONFIG, 4, SOURCE, ASSET), 0, "no evidence while it is open either");
    VERDICT(&r, "fault");
    dura_incident in = look(&r);
    dt_ok(!row_of(&in, DURA_EV_CONFIG), "%s", sums(&in));
    start(&r, NULL);
    for (int s = 800; s < 1000; s++)
        event(&r, s, DURA_EVENT_CONFIG, 4, SOURCE, ASSET);
    bad(&r, 1000, 1, DURA_R_FLAT_FAIL);
    in = look(&r);
    dt_ok(row_of(&in, DURA_EV_CONFIG) && row_of(&in, DURA_EV_CONFIG)->count == 200, "writes that began lately count");
}

DT_TEST(correlate_evidence, events_reach_as_far_as_the_window)
{
    static const struct { double before; int joined; } rows[] = {{299, 1}, {300, 1}, {300.001, 0}, {4000, 0}};
    for (size_t i = 0; i < 4; i++) {
        rig r;
        start(&r, NULL);
        event(&r, 10, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
        bad(&r, 10 + rows[i].before, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_eq(row_of(&in, DURA_EV_EVENT_ASSET) != NULL, rows[i].joined, "%g s before", rows[i].before);
    }
}

DT_TEST(correlate_evidence, an_event_counts_where_it_happened)
{
    static const struct { const char *what; uint8_t type, trust; uint16_t asset, zone; uint8_t kind; } rows[] = {
        {"asset", DURA_EVENT_EXPLOIT, SOURCE, ASSET, OTHER_ZONE, DURA_EV_EVENT_ASSET},
        {"zone", DURA_EVENT_DOS, SOURCE, OTHER_ASSET, ZONE, DURA_EV_EVENT_ZONE},
        {"zone without asset", DURA_EVENT_DOS, SOURCE, DURA_NONE, ZONE, DURA_EV_EVENT_ZONE},
        {"elsewhere", DURA_EVENT_MALWARE, SOURCE, OTHER_ASSET, OTHER_ZONE, DURA_EV_EVENT_ELSEWHERE},
        {"nowhere", DURA_EVENT_MALWARE, SOURCE, DURA_NONE, DURA_NONE, DURA_EV_EVENT_ELSEWHERE},
        {"here, says the device", DURA_EVENT_EXPLOIT, LOCAL, DURA_NONE, DURA_NONE, DURA_EV_EVENT_ASSET},
        {"a write in the zone", DURA_EVENT_CONFIG, SOURCE, OTHER_ASSET, ZONE, 0},
        {"a write here", DURA_EVENT_CONFIG, SOURCE, ASSET, ZONE, DURA_EV_CONFIG},
        {"a cabinet here", DURA_EVENT_PHYSICAL, LOCAL, ASSET, ZONE, DURA_EV_PHYSICAL},
        {"a cabinet elsewhere", DURA_EVENT_PHYSICAL, SOURCE, OTHER_ASSET, ZONE, 0},
        {"calibration of another", DURA_EVENT_CALIBRATION, SOURCE, OTHER_ASSET, ZONE, 0},
        {"work in the zone", DURA_EVENT_MAINTENANCE, SOURCE, OTHER_ASSET, ZONE, DURA_EV_MAINTENANCE},
        {"work elsewhere", DURA_EVENT_MAINTENANCE, SOURCE, OTHER_ASSET, OTHER_ZONE, 0},
        {"update here", DURA_EVENT_UPDATE, SOURCE, ASSET, ZONE, DURA_EV_UPDATE},
        {"update of another", DURA_EVENT_UPDATE, SOURCE, OTHER_ASSET, ZONE, 0},
        {"log cleared in the zone", DURA_EVENT_AUDIT, SOURCE, OTHER_ASSET, ZONE, DURA_EV_LOG},
        {"log cleared elsewhere", DURA_EVENT_AUDIT, SOURCE, OTHER_ASSET, OTHER_ZONE, 0},
        {"other", DURA_EVENT_OTHER, SOURCE, ASSET, ZONE, 0},
        {"heartbeat", DURA_EVENT_HEARTBEAT, SOURCE, ASSET, ZONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        dura_event e = event_of(rows[i].type, 5, rows[i].trust, rows[i].asset, rows[i].zone);
        start(&r, NULL);
        bad(&r, 10, 1, DURA_R_FLAT_FAIL);
        uint32_t rows_before = look(&r).n_evidence;
        dt_eq(tell(&r, 10, &e) & 1, rows[i].kind != 0, "%s", rows[i].what);
        dura_incident in = look(&r);
        const dura_evidence *row = rows[i].kind ? row_of(&in, rows[i].kind) : NULL;
        dt_ok(!rows[i].kind || (row && row->event == rows[i].type && row->trust == rows[i].trust && row->gseq == 1 &&
                                row->leaf[0] == 1 && row->log == DURA_LOG_SECURITY), "%s", rows[i].what);
        dt_ok(rows[i].kind || in.n_evidence <= rows_before + 1, "%s: at most a quiet network", rows[i].what);
    }
}

DT_TEST(correlate_evidence, what_failed_weighs_as_an_attempt)
{
    static const struct { uint8_t type; uint8_t kind; } rows[] = {
        {DURA_EVENT_EXPLOIT, DURA_EV_RECON}, {DURA_EVENT_MALWARE, DURA_EV_RECON}, {DURA_EVENT_DOS, DURA_EV_RECON},
        {DURA_EVENT_RECON, DURA_EV_RECON}, {DURA_EVENT_CONFIG, DURA_EV_RECON}, {DURA_EVENT_PHYSICAL, DURA_EV_RECON},
        {DURA_EVENT_AUDIT, DURA_EV_LOG}, {DURA_EVENT_MAINTENANCE, 0}, {DURA_EVENT_CALIBRATION, 0},
        {DURA_EVENT_UPDATE, 0}, {DURA_EVENT_OTHER, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        dura_event e = event_of(rows[i].type, 9, SOURCE, ASSET, ZONE);
        e.failed = 1;
        start(&r, NULL);
        dt_eq(tell(&r, 9, &e), 0, "type %u opens nothing", rows[i].type);
        bad(&r, 10, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        uint32_t expect = 2u + (rows[i].kind != 0) + (rows[i].type == DURA_EVENT_OTHER || !rows[i].kind);
        dt_ok(!rows[i].kind || row_of(&in, rows[i].kind), "type %u: %s", rows[i].type, sums(&in));
        dt_ok(in.n_evidence <= expect, "type %u: %s", rows[i].type, sums(&in));
    }
}

DT_TEST(correlate_evidence, repetition_adds_a_deciban_per_doubling_up_to_a_quarter)
{
    static const struct { int n; int fault; } rows[] = {{1, 16}, {2, 17}, {3, 17}, {4, 18}, {8, 19}, {16, 20}, {500, 20}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        start(&r, NULL);
        for (int k = 0; k < rows[i].n; k++)
            bad(&r, 10, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        const dura_evidence *e = row_of(&in, DURA_EV_FLAT);
        dt_ok(e && e->count == (uint32_t)rows[i].n && e->weight[0] == rows[i].fault, "%d times: %d", rows[i].n, e->weight[0]);
        dt_ok(e->weight[1] == (rows[i].n == 1 ? -6 : -7) && e->weight[2] == 2, "away from 0: %d", e->weight[1]);
    }
}

DT_TEST(correlate_evidence, the_second_and_third_channel_add_a_quarter_and_more_nothing)
{
    static const int fault[] = {16, 20, 24, 24, 24};
    rig r;
    start(&r, NULL);
    for (uint16_t c = 0; c < 5; c++) {
        bad(&r, 10, c, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        int sum = 0;
        for (uint32_t i = 0; i < in.n_evidence; i++)
            sum += in.evidence[i].kind == DURA_EV_FLAT ? in.evidence[i].weight[0] : 0;
        dt_eq(sum, fault[c], "%u channels: %s", c + 1u, sums(&in));
        dt_ok((row_of(&in, DURA_EV_ISOLATED) != NULL) == (c == 0), "alone: %s", sums(&in));
        dt_ok((row_of(&in, DURA_EV_MANY) != NULL) == (c >= 2), "many: %s", sums(&in));
        dt_eq(in.n_channels, c + 1, "");
    }
}

DT_TEST(correlate_evidence, the_row_with_the_most_records_counts_whole)
{
    rig r;
    start(&r, NULL);
    for (int i = 0; i < 2; i++)
        bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    for (int i = 0; i < 3; i++) {
        bad(&r, 11, 2, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        for (uint32_t k = 0; k < in.n_evidence; k++)
            if (in.evidence[k].kind == DURA_EV_FLAT)
                dt_eq(in.evidence[k].weight[0], (in.evidence[k].channel == 2) == (i == 2) ? 17 : 4, "%d: %s", i, sums(&in));
    }
}

DT_TEST(correlate_evidence, unauthenticated_rows_count_half_and_for_attack_alone)
{
    const dura_weights *w = dura_correlate_weights();
    static const uint8_t types[] = {DURA_EVENT_EXPLOIT, DURA_EVENT_RECON, DURA_EVENT_CONFIG, DURA_EVENT_MAINTENANCE,
                                    DURA_EVENT_AUDIT};
    for (size_t i = 0; i < sizeof types; i++) {
        rig r;
        start(&r, NULL);
        bad(&r, 10, 1, DURA_R_FLAT_FAIL);
        event(&r, 10, types[i], 5, NONE, ASSET);
        dura_incident in = look(&r);
        const dura_evidence *e = &in.evidence[in.n_evidence - 1];
        dt_ok(e->trust == NONE && e->event == types[i], "type %u: %s", types[i], sums(&in));
        dt_ok(e->weight[0] == 0 && e->weight[1] == 0 && e->weight[3] == 0, "type %u", types[i]);
        dt_eq(e->weight[2], w[e->kind][2] > 0 ? w[e->kind][2] / 2 : 0, "type %u", types[i]);
    }
}

DT_TEST(correlate_evidence, a_quiet_network_needs_a_living_authenticated_source)
{
    static const struct { const char *what; double heard; uint8_t trust; int quiet; uint32_t missing; } rows[] = {
        {"nobody", -1, 0, 0, DURA_MISSING_SECURITY},
        {"alive", 3000, SOURCE, 1, 0},
        {"just alive", 1400, SOURCE, 1, 0},
        {"gone", 1399, SOURCE, 0, DURA_MISSING_HEARTBEAT},
        {"anybody", 3000, NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        start(&r, NULL);
        poll(&r, 1);
        if (rows[i].heard > 0)
            event(&r, rows[i].heard, DURA_EVENT_HEARTBEAT, 0, rows[i].trust, DURA_NONE);
        bad(&r, 5000, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_eq(row_of(&in, DURA_EV_NETWORK_QUIET) != NULL, rows[i].quiet, "%s", rows[i].what);
        dt_eq(in.missing, rows[i].missing, "%s", rows[i].what);
    }
}

DT_TEST(correlate_evidence, a_source_that_speaks_later_is_heard)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    dt_ok(look(&r).missing & DURA_MISSING_SECURITY, "");
    heartbeat(&r, 20);
    dura_incident in = look(&r);
    dt_ok(!in.missing && row_of(&in, DURA_EV_NETWORK_QUIET), "%s", sums(&in));
    event(&r, 30, DURA_EVENT_RECON, 3, SOURCE, ASSET);
    in = look(&r);
    dt_ok(!row_of(&in, DURA_EV_NETWORK_QUIET), "a scan ends the quiet");
}

DT_TEST(correlate_evidence, what_could_not_be_looked_at_is_named)
{
    rig r;
    dura_correlate_config k = config();
    dura_event e = event_of(DURA_EVENT_EXPLOIT, 5, SOURCE, DURA_NONE, DURA_NONE);
    k.drift_watched = 0;
    start(&r, &k);
    tell(&r, 5, &e);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    dt_eq(look(&r).missing, DURA_MISSING_DRIFT | DURA_MISSING_ASSETS, "no monitor, an event on no asset");
    start(&r, NULL);
    heartbeat(&r, 1);
    fact(&r, 10, DURA_FACT_DRIFT, 1, DURA_DRIFT_TREND, DURA_DRIFT_UP, 500, 100);
    dt_eq(look(&r).missing, DURA_MISSING_DRIFT, "a monitor that promises nothing");
    start(&r, NULL);
    heartbeat(&r, 1);
    fact(&r, 9, DURA_FACT_STORAGE, DURA_NONE, 0, DURA_EIO, 0, 0);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    dt_eq(look(&r).missing, DURA_MISSING_LOG, "records may be lost");
}

DT_TEST(correlate_evidence, a_foreign_clock_that_is_off_by_more_than_the_window_is_named)
{
    static const struct { uint8_t quality, trust; uint32_t err; int missing; } rows[] = {
        {DURA_CLOCK_UNSYNCED, SOURCE, UINT32_MAX, 1}, {DURA_CLOCK_UNSYNCED, SOURCE, 300000001, 1},
        {DURA_CLOCK_UNSYNCED, SOURCE, 300000000, 0},  {DURA_CLOCK_NONE, SOURCE, UINT32_MAX, 0},
        {DURA_CLOCK_SYNCED, LOCAL, UINT32_MAX, 0},    {DURA_CLOCK_SYNCED, NONE, UINT32_MAX, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        start(&r, NULL);
        dura_event e = event_of(DURA_EVENT_EXPLOIT, 5, rows[i].trust, ASSET, ZONE);
        dura_ref ref = at(&r, 5, DURA_LOG_SECURITY);
        ref.time.quality = rows[i].quality;
        ref.time.wall_err_us = rows[i].err;
        said(&r, dura_correlate_event(r.c, &e, &ref));
        bad(&r, 10, 1, DURA_R_FLAT_FAIL);
        dt_eq((look(&r).missing & DURA_MISSING_CLOCK) != 0, rows[i].missing, "row %u", (unsigned)i);
    }
}

DT_TEST(correlate_evidence, sudden_and_slow_drift_are_told_apart_by_onset_and_size)
{
    static const struct { int64_t size, onset; uint8_t kind; } rows[] = {
        {2000, 32, DURA_EV_DRIFT_SUDDEN}, {2000, 33, DURA_EV_DRIFT_SLOW}, {1500, 1, DURA_EV_DRIFT_SUDDEN},
        {1499, 1, DURA_EV_DRIFT_SLOW}, {250, 900, DURA_EV_DRIFT_SLOW},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int64_t d = DURA_DRIFT_UP; d <= DURA_DRIFT_DOWN; d++) {
            rig r;
            start(&r, NULL);
            fact(&r, 10, DURA_FACT_DRIFT, 1, 0, d, rows[i].size, rows[i].onset);
            dura_incident in = look(&r);
            dt_ok(row_of(&in, rows[i].kind) != NULL, "row %u: %s", (unsigned)i, sums(&in));
        }
}

DT_TEST(correlate_evidence, drift_of_an_output_is_evidence_about_the_model)
{
    rig r;
    start(&r, NULL);
    slow(&r, 10, CHANNELS + 2);
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_OUTPUT) && in.n_channels == 1 && in.channel[0] == CHANNELS + 2, "%s", sums(&in));
    dt_ok(!row_of(&in, DURA_EV_ISOLATED), "an output is no channel");
    dt_eq(back(&r, 11, CHANNELS + 1), 0, "another output was never away");
    dt_eq(poll(&r, 200), 0, "the output is still away");
    dt_eq(back(&r, 201, CHANNELS + 2) & 1, 1, "");
    dt_eq(poll(&r, 262), 2, "");
}

DT_TEST(correlate_evidence, kinds_that_say_nothing_about_causes_are_taken_and_ignored)
{
    static const uint16_t kinds[] = {DURA_FACT_NONE, DURA_FACT_INPUT_REJECTED, DURA_FACT_ACTION, DURA_FACT_MODE,
                                     DURA_FACT_BOOT, DURA_FACT_INCIDENT, DURA_FACT_FEATURE, DURA_FACT_LINK, 999};
    rig r;
    start(&r, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        dt_eq(fact(&r, 1, kinds[i], 0, 0, 1, 2, 3), 0, "kind %u", kinds[i]);
    dt_eq(bad(&r, 1, CHANNELS, DURA_R_FLAT_FAIL), 0, "a channel the policy does not have");
    dt_eq(fact(&r, 1, DURA_FACT_GATE, DURA_NONE, 0, 0, 0, 0), 0, "a gate record that is right");
    dt_eq(good(&r, 2, 1), 0, "a channel that never left");
    dt_eq(fact(&r, 3, DURA_FACT_GATE, DURA_NONE, 0, DURA_EAUTH, 0, 0), 0, "a wrong one waits for an anomaly");
    fact(&r, 3, DURA_FACT_OVERRIDE, DURA_NONE, 0, 1, 0, 0);
    fact(&r, 3, DURA_FACT_CLOCK_STEP, DURA_NONE, 0, 1, 0, 0);
    bad(&r, 4, 1, DURA_R_FLAT_FAIL);
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_LOG) && row_of(&in, DURA_EV_OPERATOR) && row_of(&in, DURA_EV_CLOCK), "%s", sums(&in));
}

/* 16 rows hold; a 17th pushes out only what is weaker, and the loss is said. */
DT_TEST(correlate_evidence, when_rows_run_out_the_weakest_goes_and_it_is_said)
{
    rig r;
    dura_correlate_config k = config();
    k.n_channels = 64;
    start(&r, &k);
    for (uint16_t c = 0; c < 15; c++)
        bad(&r, 10, c, DURA_R_FLAT_FAIL);
    dura_incident in = look(&r);
    dt_eq(in.n_evidence, 16, "15 channels and that they are many");
    for (uint16_t c = 15; c < 40; c++)
        bad(&r, 10, c, DURA_R_FLAT_FAIL);
    in = look(&r);
    dt_ok(in.n_evidence == 16 && in.n_channels == 16, "%s", sums(&in));
    dt_ok(!(in.missing & DURA_MISSING_WINDOW), "rows that weigh nothing are no loss: %s", sums(&in));
    event(&r, 11, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    in = look(&r);
    dt_ok(row_of(&in, DURA_EV_EVENT_ASSET) && row_of(&in, DURA_EV_MANY), "%s", sums(&in));
    for (uint16_t c = 0; c < 3; c++) { /* kinds enough to fill all rows with weight */
        bad(&r, 12, c, DURA_R_RANGE_FAIL);
        bad(&r, 12, c, DURA_R_RATE_FAIL);
        bad(&r, 12, c, DURA_R_MISSING);
        bad(&r, 12, c, DURA_R_TIME_GAP);
        slow(&r, 12, c);
        sudden(&r, 12, c);
    }
    in = look(&r);
    dt_ok(in.missing & DURA_MISSING_WINDOW, "%s", sums(&in));
    dt_ok(row_of(&in, DURA_EV_EVENT_ASSET) && row_of(&in, DURA_EV_FLAT), "the strong ones stayed: %s", sums(&in));
}

DT_TEST(correlate_evidence, unauthenticated_rows_push_nothing_out)
{
    static const uint8_t types[] = {DURA_EVENT_EXPLOIT, DURA_EVENT_MALWARE, DURA_EVENT_DOS, DURA_EVENT_CONFIG,
                                    DURA_EVENT_PHYSICAL, DURA_EVENT_RECON, DURA_EVENT_AUDIT};
    static const uint16_t where[][2] = {{ASSET, ZONE}, {OTHER_ASSET, ZONE}, {OTHER_ASSET, OTHER_ZONE}};
    rig r, calm;
    start(&r, NULL);
    start(&calm, NULL);
    for (size_t t = 0; t < sizeof types; t++)
        for (int w = 0; w < 3; w++) {
            dura_event e = event_of(types[t], 9, NONE, where[w][0], where[w][1]);
            tell(&r, 5, &e);
        }
    event(&calm, 5, DURA_EVENT_HEARTBEAT, 0, NONE, ASSET);
    for (int k = 0; k < 2; k++) {
        rig *x = k ? &calm : &r;
        bad(x, 10, 1, DURA_R_FLAT_FAIL);
        event(x, 11, DURA_EVENT_RECON, 5, SOURCE, OTHER_ASSET);
        fact(x, 12, DURA_FACT_OVERRIDE, DURA_NONE, 0, 1, 0, 0);
        good(x, 13, 1);
        dura_incident in = look(x);
        dt_eq(in.trusted, DURA_CAUSE_FAULT, "%s", sums(&in));
        dt_ok(row_of(&in, DURA_EV_FLAT) && row_of(&in, DURA_EV_OPERATOR) && row_of(&in, DURA_EV_ISOLATED), "%s", sums(&in));
        uint32_t firm = 0;
        for (uint32_t i = 0; i < in.n_evidence; i++)
            firm += in.evidence[i].trust != NONE;
        dt_eq(firm, 4, "flat, alone, scan, operator: %s", sums(&in));
    }
}

DT_TEST(correlate_evidence, a_table_of_ones_own_replaces_the_weights)
{
    static const dura_weights mine[DURA_EV_KINDS] = {[DURA_EV_FLAT] = {0, 127, -128, 0}};
    rig r;
    dura_correlate_config k = config();
    k.weights = mine;
    start(&r, &k);
    bad(&r, 1, 1, DURA_R_FLAT_FAIL);
    VERDICT(&r, "drift");
    dura_incident in = look(&r);
    dt_ok(in.total[1] == 127 && in.total[2] == -128 && in.score == 127 && in.margin == 127, "%s", sums(&in));
}

DT_TEST(correlate_evidence, score_and_margin_decide_at_their_limits)
{
    static const struct { uint16_t score, margin; const char *verdict; } rows[] = {
        {20, 16, "fault"}, {21, 16, "unknown"}, {20, 17, "unknown"}, {1, 1, "fault"}, {1000, 1, "unknown"}};
    for (size_t i = 0; i < 5; i++) {
        rig r;
        dura_correlate_config k = config();
        k.score = rows[i].score;
        k.margin = rows[i].margin;
        start(&r, &k);
        bad(&r, 1, 1, DURA_R_FLAT_FAIL);
        VERDICT(&r, rows[i].verdict);
        dura_incident in = look(&r);
        dt_ok(in.score == 20 && in.margin == 16, "%s", sums(&in));
    }
}

/* ---- opening, revising, closing ------------------------------------------------------------- */

DT_TEST(correlate_poll, closes_when_everything_is_back_and_quiet)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    slow(&r, 11, 2);
    dt_eq(good(&r, 20, 1), 0, "one is still away");
    dt_eq(poll(&r, 300), 0, "it does not close while a channel is away");
    dt_eq(back(&r, 301, 2) & 1, 1, "");
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_RECOVERED) != NULL, "by itself: %s", sums(&in));
    dt_eq(poll(&r, 360.999), 0, "");
    dt_eq(poll(&r, 361), 2, "quiet for 60 s");
    in = look(&r);
    dt_ok(in.state == DURA_INCIDENT_CLOSED && in.id == 1 && in.end.mono_ns == 301ll * S, "state %u", in.state);
    dt_eq(poll(&r, 400), 0, "once");
}

DT_TEST(correlate_poll, closes_after_ten_quiet_times_whatever_is_still_away)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    dt_eq(poll(&r, 609.999), 0, "");
    dt_eq(poll(&r, 610), 2, "");
    dt_eq(good(&r, 700, 1), 0, "its coming back is no news");
    dt_eq(bad(&r, 800, 1, DURA_R_FLAT_FAIL), 3, "the next anomaly opens another");
    dt_eq(look(&r).id, 2, "");
}

DT_TEST(correlate_poll, what_follows_work_did_not_recover_by_itself)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    event(&r, 12, DURA_EVENT_MAINTENANCE, 1, SOURCE, ASSET);
    dt_eq(good(&r, 20, 1), 1, "");
    dura_incident in = look(&r);
    dt_ok(!row_of(&in, DURA_EV_RECOVERED), "%s", sums(&in));
    dt_eq(in.end.mono_ns, 20ll * S, "the quiet begins with it");
    dt_eq(poll(&r, 79), 0, "");
    dt_eq(poll(&r, 80), 2, "");
}

DT_TEST(correlate_poll, scans_and_what_anybody_sends_do_not_keep_it_open)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    good(&r, 11, 1);
    for (int s = 12; s < 71; s++) {
        event(&r, s, DURA_EVENT_RECON, 5, SOURCE, ASSET);
        event(&r, s, DURA_EVENT_EXPLOIT, 9, NONE, ASSET);
    }
    dt_eq(poll(&r, 71), 2, "");
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    good(&r, 11, 1);
    event(&r, 60, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    dt_eq(poll(&r, 71), 0, "an authenticated event does");
    dt_eq(poll(&r, 120), 2, "");
}

DT_TEST(correlate_poll, a_restart_keeps_the_incident_and_time_goes_on)
{
    rig r;
    start(&r, NULL);
    event(&r, 90, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    bad(&r, 100, 1, DURA_R_FLAT_FAIL);
    r.boot = 2;
    dt_eq(bad(&r, 5, 2, DURA_R_FLAT_FAIL) & 1, 1, "");
    dura_incident in = look(&r);
    dt_ok(in.id == 1 && in.end.boot == 2 && in.begin.boot == 1 && in.begin.mono_ns == 90ll * S, "%u", in.id);
    good(&r, 6, 1);
    good(&r, 7, 2);
    dt_eq(poll(&r, 66), 0, "");
    dt_eq(poll(&r, 67), 2, "");
}

DT_TEST(correlate_poll, an_event_before_a_restart_reaches_behind_it)
{
    static const struct { const char *what; uint8_t quality; int64_t wall_off; double s; int joined; } rows[] = {
        {"soon after", DURA_CLOCK_NONE, 0, 20, 1},
        {"late after", DURA_CLOCK_NONE, 0, 301, 0},
        {"off for long, and a clock knows", DURA_CLOCK_SYNCED, 4000, 20, 0},
        {"off shortly, and a clock knows", DURA_CLOCK_SYNCED, 100, 20, 1},
        {"a clock that nobody set", DURA_CLOCK_UNSYNCED, 4000, 20, 1},
        {"a clock that went back", DURA_CLOCK_SYNCED, -4000, 20, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig r;
        start(&r, NULL);
        r.quality = rows[i].quality;
        event(&r, 1000, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
        r.boot = 2;
        r.wall_off = (1000 + rows[i].wall_off) * S;
        bad(&r, rows[i].s, 1, DURA_R_FLAT_FAIL);
        dura_incident in = look(&r);
        dt_eq(row_of(&in, DURA_EV_EVENT_ASSET) != NULL, rows[i].joined, "%s", rows[i].what);
        dt_ok(in.begin.mono_ns >= 0 && in.begin.mono_ns <= in.end.mono_ns, "%s", rows[i].what);
    }
}

DT_TEST(correlate_poll, time_that_goes_back_counts_as_the_latest)
{
    rig r;
    start(&r, NULL);
    event(&r, 1000, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET);
    bad(&r, 100, 1, DURA_R_FLAT_FAIL);
    dura_incident in = look(&r);
    dt_ok(row_of(&in, DURA_EV_EVENT_ASSET) != NULL, "%s", sums(&in));
    r.boot = 0;
    dt_eq(poll(&r, 1000000), 0, "an earlier start is no later time");
}

DT_TEST(correlate_poll, a_record_after_the_quiet_closes_first)
{
    rig r;
    start(&r, NULL);
    bad(&r, 10, 1, DURA_R_FLAT_FAIL);
    good(&r, 11, 1);
    dt_eq(heartbeat(&r, 80), 2, "closed, and nothing else");
    dt_eq(look(&r).state, DURA_INCIDENT_CLOSED, "");
    dt_eq(bad(&r, 90, 1, DURA_R_FLAT_FAIL), 3, "");
    dura_incident in = look(&r);
    dt_ok(in.id == 2 && in.state == DURA_INCIDENT_OPENED, "");
}

DT_TEST(correlate_update, says_what_changed_and_only_then)
{
    rig r;
    start(&r, NULL);
    heartbeat(&r, 1);
    dt_eq(bad(&r, 10, 1, DURA_R_FLAT_FAIL), 3, "opened");
    dt_eq(bad(&r, 11, 1, DURA_R_FLAT_FAIL), 1, "more of the same");
    dt_eq(event(&r, 12, DURA_EVENT_RECON, 5, SOURCE, ASSET), 1, "evidence that changes nothing");
    dt_eq(event(&r, 13, DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET), 3, "the verdict fell");
    dt_eq(look(&r).state, DURA_INCIDENT_REVISED, "");
    dt_eq(event(&r, 14, DURA_EVENT_OTHER, 5, SOURCE, ASSET), 0, "no evidence");
}

/* ---- what must hold for every sequence -------------------------------------------------------- */

static uint32_t draw(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

/* One record out of numbers; the same numbers make the same record. */
static int random_record(rig *r, uint32_t *seed, double s)
{
    uint32_t what = draw(seed) % 16, x = draw(seed);
    static const uint32_t reasons[] = {DURA_R_MISSING, DURA_R_FLAT_FAIL, DURA_R_RANGE_FAIL, DURA_R_RATE_FAIL, DURA_R_TIME_GAP};
    switch (what) {
    case 0: return bad(r, s, x % CHANNELS, reasons[(x >> 8) % 5]);
    case 1: case 2: return good(r, s, x % CHANNELS);
    case 3: return slow(r, s, x % (CHANNELS + 2));
    case 4: return sudden(r, s, x % CHANNELS);
    case 5: case 6: return back(r, s, x % (CHANNELS + 2));
    case 7: return fact(r, s, (uint16_t)(x % 18), DURA_NONE, 0, (int64_t)(x >> 8 & 7) - 2, x >> 12 & 15, 0);
    default: return event(r, s, (uint8_t)(x % DURA_EVENT_CLASSES), (uint8_t)((x >> 8) % 11), (uint8_t)((x >> 16) % 3),
                          (uint16_t)(x >> 20 & 1 ? ASSET : OTHER_ASSET));
    }
}

static void same_incident(const rig *a, const rig *b, const char *what, int i)
{
    dura_incident x = DURA_INCIDENT_INIT, y = DURA_INCIDENT_INIT;
    int rx = dura_correlate_query(a->c, &x), ry = dura_correlate_query(b->c, &y);
    dt_eq(rx, ry, "%s, record %d", what, i);
    dt_mem(&x, &y, sizeof x, "%s, record %d: %s", what, i, sums(&x));
}

DT_TEST(correlate_properties, two_objects_say_the_same_of_the_same_records)
{
    rig a, b;
    uint32_t sa = 1, sb = 1;
    double s = 0;
    start(&a, NULL);
    start(&b, NULL);
    for (int i = 0; i < 20000; i++) {
        s += draw(&sa) % 20 ? 0.5 : 700;
        (void)draw(&sb);
        int x = random_record(&a, &sa, s), y = random_record(&b, &sb, s);
        dt_eq(x, y, "record %d", i);
        same_incident(&a, &b, "twice", i);
    }
    dt_ok(look(&a).id > 20, "the sequence has incidents: %u", look(&a).id);
}

DT_TEST(correlate_properties, how_often_poll_is_called_changes_no_verdict)
{
    rig a, b;
    uint32_t sa = 77, sb = 77, verdicts = 0;
    double s = 0;
    start(&a, NULL);
    start(&b, NULL);
    for (int i = 0; i < 20000; i++) {
        double before = s;
        s += draw(&sa) % 20 ? 0.5 : 700;
        (void)draw(&sb);
        for (double t = before; t < s; t += 7)
            poll(&a, t);
        random_record(&a, &sa, s);
        random_record(&b, &sb, s);
        same_incident(&a, &b, "polled", i);
        dura_incident in = DURA_INCIDENT_INIT;
        if (dura_correlate_query(a.c, &in) == DURA_OK)
            verdicts |= 1u << in.cause;
    }
    dt_ok((verdicts & 0x3E) == 0x3E, "all verdicts occurred: %x", verdicts);
}

static void check_sums(const dura_incident *in, int i)
{
    int total[DURA_CAUSES] = {0, 0, 0, 0}, firm[DURA_CAUSES] = {0, 0, 0, 0};
    for (uint32_t k = 0; k < in->n_evidence; k++)
        for (int c = 0; c < DURA_CAUSES; c++) {
            total[c] += in->evidence[k].weight[c];
            firm[c] += in->evidence[k].trust != NONE ? in->evidence[k].weight[c] : 0;
        }
    for (int c = 0; c < DURA_CAUSES; c++)
        dt_eq(in->total[c], total[c], "record %d, cause %d: %s", i, c, sums(in));
    int best = 0, second = -1;
    for (int c = 1; c < DURA_CAUSES; c++)
        if (firm[c] > firm[best])
            best = c;
    for (int c = 0; c < DURA_CAUSES; c++)
        if (c != best && (second < 0 || firm[c] > firm[second]))
            second = c;
    int sure = firm[best] >= 10 && firm[best] - firm[second] >= 10 ? best + 1 : DURA_CAUSE_UNKNOWN;
    dt_eq(in->trusted, sure, "record %d: %s", i, sums(in));
    dt_ok(in->cause != DURA_CAUSE_ATTACK || sure == DURA_CAUSE_ATTACK, "record %d: %s", i, sums(in));
    dt_ok((in->flags & DURA_INCIDENT_UNTRUSTED) || in->cause == sure, "record %d: %s", i, sums(in));
}

DT_TEST(correlate_properties, totals_are_the_sums_and_the_verdict_follows_from_them)
{
    rig r;
    uint32_t seed = 4242, untrusted = 0;
    double s = 0;
    start(&r, NULL);
    for (int i = 0; i < 20000; i++) {
        dura_incident in = DURA_INCIDENT_INIT;
        s += draw(&seed) % 20 ? 0.5 : 700;
        random_record(&r, &seed, s);
        if (dura_correlate_query(r.c, &in) == DURA_OK) {
            check_sums(&in, i);
            untrusted += in.flags;
        }
    }
    dt_ok(untrusted > 0, "unauthenticated evidence made a difference somewhere");
}

/* Whatever a flood does to `cause`, it cannot move `trusted`, open, or keep open. */
DT_TEST(correlate_properties, unauthenticated_records_never_move_what_a_lock_hangs_on)
{
    rig a, b;
    uint32_t seed = 99, noise = 5;
    double s = 0;
    start(&a, NULL);
    start(&b, NULL);
    for (int i = 0; i < 20000; i++) {
        dura_incident x = DURA_INCIDENT_INIT, y = DURA_INCIDENT_INIT;
        s += draw(&seed) % 20 ? 0.5 : 700;
        for (int k = 0; k < 3; k++)
            event(&b, s, (uint8_t)(draw(&noise) % DURA_EVENT_CLASSES), (uint8_t)(draw(&noise) % 11), NONE,
                  draw(&noise) & 1 ? ASSET : OTHER_ASSET);
        uint32_t sa = seed, sb = seed;
        uint32_t what = draw(&sa) % 16, trust = draw(&sa) >> 16;
        if (what >= 8 && trust % 3 == NONE) { /* the calm one hears no unauthenticated event */
            seed = sa;
            poll(&a, s);
            poll(&b, s);
            continue;
        }
        sa = seed;
        random_record(&a, &sa, s);
        random_record(&b, &sb, s);
        seed = sa;
        int rx = dura_correlate_query(a.c, &x), ry = dura_correlate_query(b.c, &y);
        dt_eq(rx, ry, "record %d", i);
        if (rx != DURA_OK)
            continue;
        dt_ok(x.id == y.id && x.trusted == y.trusted, "record %d: %s", i, sums(&y));
        dt_ok((x.state == DURA_INCIDENT_CLOSED) == (y.state == DURA_INCIDENT_CLOSED), "record %d", i);
        dt_ok(x.begin.mono_ns == y.begin.mono_ns && x.end.mono_ns == y.end.mono_ns, "record %d", i);
    }
    dt_ok(look(&a).id > 20, "%u", look(&a).id);
}

DT_TEST(correlate_properties, a_flood_of_scans_and_distant_exploits_changes_only_counts)
{
    static const struct { const char *what; int attack; } rows[] = {{"fault", 0}, {"attack", 1}};
    for (size_t i = 0; i < 2; i++) {
        rig r, calm;
        dura_event e = event_of(DURA_EVENT_EXPLOIT, 10, NONE, OTHER_ASSET, OTHER_ZONE);
        dura_event scan = event_of(DURA_EVENT_RECON, 10, NONE, ASSET, ZONE);
        start(&r, NULL);
        start(&calm, NULL);
        heartbeat(&r, 1);
        heartbeat(&calm, 1);
        for (int n = 0; n < 250000; n++)
            tell(&r, 10 + n * 1e-4, n & 1 ? &e : &scan);
        for (int k = 0; k < 2; k++) {
            rig *x = k ? &calm : &r;
            if (rows[i].attack)
                intrusion(x, 40, SOURCE);
            rows[i].attack ? sudden(x, 50, 2) : bad(x, 50, 2, DURA_R_FLAT_FAIL);
        }
        int changes = r.changes;
        for (int n = 0; n < 250000; n++)
            tell(&r, 50 + n * 1e-4, n & 1 ? &e : &scan);
        dura_incident in = look(&r), quiet = look(&calm);
        dt_str(cause_name(in.cause), rows[i].what, "%s", sums(&in));
        dt_ok(in.cause == quiet.cause && in.trusted == quiet.trusted && in.id == quiet.id && in.state == quiet.state &&
                 in.flags == 0 && r.changes == changes, "%s", sums(&in));
        dt_eq(row_of(&in, DURA_EV_EVENT_ELSEWHERE)->count + (row_of(&in, DURA_EV_RECON)->trust == NONE ? row_of(&in, DURA_EV_RECON)->count : 250000),
              500000, "every one was counted");
    }
}

/* Of hostile events next to it, too: then the verdict becomes UNKNOWN, which is what half
 * weights are for; `trusted` does not move and nothing is reported as an attack. */
DT_TEST(correlate_properties, a_flood_of_every_class_can_cast_doubt_and_nothing_more)
{
    rig r;
    start(&r, NULL);
    bad(&r, 50, 2, DURA_R_FLAT_FAIL);
    for (int n = 0; n < 200000; n++)
        event(&r, 50 + n * 1e-4, (uint8_t)(n % DURA_EVENT_CLASSES), 10, NONE, n % 3 ? ASSET : OTHER_ASSET);
    dura_incident in = look(&r);
    dt_str(cause_name(in.cause), "unknown", "%s", sums(&in));
    dt_ok(in.trusted == DURA_CAUSE_FAULT && in.flags == DURA_INCIDENT_UNTRUSTED && in.id == 1, "%s", sums(&in));
    dt_eq(r.changes, 2, "opened, and revised once");
}

/* Records of one instant, in every order. */
DT_TEST(correlate_properties, the_order_of_one_instant_changes_no_total)
{
    int first[DURA_CAUSES] = {0, 0, 0, 0};
    int order[5];
    for (int p = 0; p < 120; p++) {
        rig r;
        int left[5] = {0, 1, 2, 3, 4}, n = p;
        for (int k = 0; k < 5; k++) {
            int at_ = n % (5 - k);
            n /= 5 - k;
            order[k] = left[at_];
            memmove(&left[at_], &left[at_ + 1], (size_t)(4 - k - at_) * sizeof left[0]);
        }
        start(&r, NULL);
        for (int k = 0; k < 5; k++)
            switch (order[k]) {
            case 0: bad(&r, 10, 1, DURA_R_FLAT_FAIL); break;
            case 1: sudden(&r, 10, 2); break;
            case 2: event(&r, 10, DURA_EVENT_EXPLOIT, 9, SOURCE, ASSET); break;
            case 3: event(&r, 10, DURA_EVENT_CONFIG, 4, NONE, ASSET); break;
            default: heartbeat(&r, 10);
            }
        dura_incident in = look(&r);
        for (int c = 0; c < DURA_CAUSES; c++) {
            first[c] = p ? first[c] : in.total[c];
            dt_eq(in.total[c], first[c], "order %d, cause %d: %s", p, c, sums(&in));
        }
        dt_eq(in.n_evidence, 4, "order %d: %s", p, sums(&in));
    }
}

/* ---- arguments ------------------------------------------------------------------------------ */

DT_TEST(correlate_init, takes_sound_configurations_only)
{
    static uint64_t mem[1024];
    static const struct { const char *what; size_t offset, size; uint64_t v; int rc; } rows[] = {
        {"as it is", offsetof(dura_correlate_config, reserved), 1, 0, DURA_OK},
        {"no channel", offsetof(dura_correlate_config, n_channels), 2, 0, DURA_EINVAL},
        {"1024 channels", offsetof(dura_correlate_config, n_channels), 2, 1024, DURA_OK},
        {"1025 channels", offsetof(dura_correlate_config, n_channels), 2, 1025, DURA_EINVAL},
        {"margin", offsetof(dura_correlate_config, margin), 2, 1000, DURA_OK},
        {"margin", offsetof(dura_correlate_config, margin), 2, 1001, DURA_EINVAL},
        {"score", offsetof(dura_correlate_config, score), 2, 1001, DURA_EINVAL},
        {"drift", offsetof(dura_correlate_config, drift_watched), 1, 2, DURA_EINVAL},
        {"reserved", offsetof(dura_correlate_config, reserved), 1, 1, DURA_EINVAL},
        {"window", offsetof(dura_correlate_config, window_ns), 8, (uint64_t)-1, DURA_EINVAL},
        {"window", offsetof(dura_correlate_config, window_ns), 8, UINT64_C(1) << 56, DURA_OK},
        {"window", offsetof(dura_correlate_config, window_ns), 8, (UINT64_C(1) << 56) + 1, DURA_EINVAL},
        {"quiet", offsetof(dura_correlate_config, quiet_ns), 8, (uint64_t)-1, DURA_EINVAL},
        {"heartbeat", offsetof(dura_correlate_config, heartbeat_ns), 8, (uint64_t)-1, DURA_EINVAL},
        {"older struct", offsetof(dura_correlate_config, struct_size), 4, 8, DURA_EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_correlate *c = (dura_correlate *)1;
        dura_correlate_config k = config();
        const uint16_t v16 = (uint16_t)rows[i].v;
        const uint32_t v32 = (uint32_t)rows[i].v;
        const uint8_t v8 = (uint8_t)rows[i].v;
        const void *v = rows[i].size == 1 ? (const void *)&v8 : rows[i].size == 2 ? (const void *)&v16
                      : rows[i].size == 4 ? (const void *)&v32 : (const void *)&rows[i].v;
        memcpy((char *)&k + rows[i].offset, v, rows[i].size);
        dt_eq(dura_correlate_init(&c, mem, sizeof mem, &k), rows[i].rc, "%s", rows[i].what);
        dt_eq(c != NULL, rows[i].rc == DURA_OK, "%s", rows[i].what);
        dt_eq(dura_correlate_bytes(&k) != 0, rows[i].rc == DURA_OK, "%s", rows[i].what);
    }
}

DT_TEST(correlate_init, says_what_is_wrong_with_the_memory)
{
    static uint64_t mem[1024];
    dura_correlate *c;
    struct { dura_correlate_config k; uint32_t more; } newer = {config(), 1};
    dura_correlate_config k = config();
    size_t need = dura_correlate_bytes(&k);
    dt_ok(need % 8 == 0 && need <= 4096, "%u bytes", (unsigned)need);
    dt_eq(dura_correlate_init(NULL, mem, need, &k), DURA_EINVAL, "");
    dt_eq(dura_correlate_init(&c, NULL, need, &k), DURA_EINVAL, "");
    dt_eq(dura_correlate_init(&c, mem, need, NULL), DURA_EINVAL, "");
    dt_eq(dura_correlate_init(&c, (char *)mem + 4, need, &k), DURA_EALIGN, "");
    dt_eq(dura_correlate_init(&c, mem, need - 1, &k), DURA_ENOSPC, "");
    newer.k.struct_size = sizeof newer;
    dt_eq(dura_correlate_init(&c, mem, need, &newer.k), DURA_EVERSION, "");
    dt_eq(dura_correlate_bytes(NULL), 0, "");
    memset(mem, 0xFF, sizeof mem);
    dt_eq(dura_correlate_init(&c, mem, need, &k), DURA_OK, "");
    dt_ok(((unsigned char *)mem)[need] == 0xFF, "nothing behind its bytes");
}

DT_TEST(correlate_update, refuses_what_cannot_be)
{
    rig r;
    dura_fact f;
    dura_incident in = DURA_INCIDENT_INIT;
    dura_event e = event_of(DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET, ZONE);
    start(&r, NULL);
    memset(&f, 0, sizeof f);
    dura_ref ref = at(&r, 1, 1), before = ref;
    before.time.mono_ns = -1;
    dt_eq(dura_correlate_update(NULL, &f, &ref), DURA_EINVAL, "");
    dt_eq(dura_correlate_update(r.c, NULL, &ref), DURA_EINVAL, "");
    dt_eq(dura_correlate_update(r.c, &f, NULL), DURA_EINVAL, "");
    dt_eq(dura_correlate_update(r.c, &f, &before), DURA_EINVAL, "");
    dt_eq(dura_correlate_event(NULL, &e, &ref), DURA_EINVAL, "");
    dt_eq(dura_correlate_event(r.c, NULL, &ref), DURA_EINVAL, "");
    dt_eq(dura_correlate_event(r.c, &e, NULL), DURA_EINVAL, "");
    dt_eq(dura_correlate_event(r.c, &e, &before), DURA_EINVAL, "");
    dt_eq(dura_correlate_poll(NULL, &ref.time), DURA_EINVAL, "");
    dt_eq(dura_correlate_poll(r.c, NULL), DURA_EINVAL, "");
    dt_eq(dura_correlate_poll(r.c, &before.time), DURA_EINVAL, "");
    dt_eq(dura_correlate_query(NULL, &in), DURA_EINVAL, "");
    dt_eq(dura_correlate_query(r.c, NULL), DURA_EINVAL, "");
    dt_eq(dura_correlate_query(r.c, &in), DURA_ENOENT, "");
    in.struct_size = 8;
    dt_eq(dura_correlate_query(r.c, &in), DURA_EINVAL, "");
    dt_eq(dura_correlate_reset(NULL), DURA_EINVAL, "");
    e.type = DURA_EVENT_CLASSES;
    dt_eq(dura_correlate_event(r.c, &e, &ref), DURA_EINVAL, "type");
    e = event_of(DURA_EVENT_EXPLOIT, 11, SOURCE, ASSET, ZONE);
    dt_eq(dura_correlate_event(r.c, &e, &ref), DURA_EINVAL, "severity");
    e = event_of(DURA_EVENT_EXPLOIT, 5, 3, ASSET, ZONE);
    dt_eq(dura_correlate_event(r.c, &e, &ref), DURA_EINVAL, "trust");
    e = event_of(DURA_EVENT_EXPLOIT, 5, SOURCE, ASSET, ZONE);
    e.struct_size = 4;
    dt_eq(dura_correlate_event(r.c, &e, &ref), DURA_EINVAL, "size");
}

DT_TEST(correlate_reset, forgets_everything)
{
    rig r, fresh;
    dura_correlate_config k = config();
    uint32_t seed = 3;
    start(&r, NULL);
    start(&fresh, NULL);
    for (int i = 0; i < 500; i++)
        random_record(&r, &seed, i);
    dt_eq(dura_correlate_reset(r.c), DURA_OK, "");
    dt_mem(r.mem, fresh.mem, dura_correlate_bytes(&k), "as after init");
}

DT_TEST(correlate_part, lists_the_calls)
{
    const dura_correlate_calls *p = dura_correlate_part();
    dt_eq(p->struct_size, sizeof *p, "");
    dt_ok(p->bytes == dura_correlate_bytes && p->init == dura_correlate_init && p->classify == dura_event_class &&
             p->update == dura_correlate_update && p->event == dura_correlate_event && p->poll == dura_correlate_poll &&
             p->query == dura_correlate_query && p->reserved == 0, "");
}

/* ---- the table and the words ------------------------------------------------------------------ */

DT_TEST(correlate_weights, no_kind_of_the_process_alone_makes_an_attack)
{
    const dura_weights *w = dura_correlate_weights();
    for (int k = DURA_EV_FLAT; k <= DURA_EV_BACKEND; k++)
        dt_ok(w[k][2] < 10 || w[k][0] >= w[k][2] || w[k][1] >= w[k][2], "kind %d", k);
    for (int c = 0; c < DURA_CAUSES; c++)
        dt_eq(w[DURA_EV_NONE][c], 0, "cause %d", c);
}

DT_TEST(event_class, knows_its_words)
{
    static const struct { const char *category, *type; uint8_t cls; } rows[] = {
        {"access", "login", DURA_EVENT_ACCESS}, {"access", "login_failed", DURA_EVENT_ACCESS_FAILED},
        {"Access Control", "Login-Failed", DURA_EVENT_ACCESS_FAILED}, {"access", "logout", DURA_EVENT_OTHER},
        {"access", "SSH login has failed", DURA_EVENT_ACCESS_FAILED}, {"access", "permission.denied", DURA_EVENT_ACCESS_FAILED},
        {"access", "badge", DURA_EVENT_ACCESS}, {"access", NULL, DURA_EVENT_ACCESS},
        {"recon", "x", DURA_EVENT_RECON}, {"network", "port_scan", DURA_EVENT_RECON},
        {"exploit", "scan", DURA_EVENT_EXPLOIT}, {"network", "arp_spoof", DURA_EVENT_EXPLOIT},
        {"malware", "", DURA_EVENT_MALWARE}, {"dos", "", DURA_EVENT_DOS},
        {"config", "anything", DURA_EVENT_CONFIG}, {"config", "login_failed", DURA_EVENT_ACCESS_FAILED},
        {"configuration changes", "restore", DURA_EVENT_CONFIG}, {"control system events", "program_download", DURA_EVENT_CONFIG},
        {"request errors", "replay", DURA_EVENT_EXPLOIT}, {"request errors", "timeout", DURA_EVENT_OTHER},
        {"backup and restore", "backup", DURA_EVENT_OTHER}, {"backup and restore", "restore", DURA_EVENT_CONFIG},
        {"audit log events", "x", DURA_EVENT_AUDIT}, {"audit", "log_cleared", DURA_EVENT_AUDIT},
        {"physical", "door_open", DURA_EVENT_PHYSICAL}, {"physical", NULL, DURA_EVENT_PHYSICAL},
        {"maintenance", "param_write", DURA_EVENT_MAINTENANCE}, {"calibration", "config_change", DURA_EVENT_CALIBRATION},
        {"update", "scan", DURA_EVENT_UPDATE}, {"heartbeat", "login", DURA_EVENT_HEARTBEAT},
        {"system", "stats", DURA_EVENT_HEARTBEAT}, {"system", "reboot", DURA_EVENT_OTHER},
        {"surprise", "spoof", DURA_EVENT_EXPLOIT}, {"surprise", "surprise", DURA_EVENT_OTHER},
        {"acces", "log", DURA_EVENT_OTHER}, {"accesss", "logins", DURA_EVENT_OTHER},
        {"", "", DURA_EVENT_OTHER}, {NULL, NULL, DURA_EVENT_OTHER}, {" ", " ", DURA_EVENT_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *c = rows[i].category, *t = rows[i].type;
        dt_eq(dura_event_class(c, c ? strlen(c) : 0, t, t ? strlen(t) : 0), rows[i].cls, "%s / %s", c ? c : "-", t ? t : "-");
    }
}

DT_TEST(event_class, reads_no_further_than_it_is_told)
{
    char word[12] = {'l', 'o', 'g', 'i', 'n', '_', 'f', 'a', 'i', 'l', 'e', 'd'};
    dt_eq(dura_event_class(NULL, 0, word, 12), DURA_EVENT_ACCESS_FAILED, "");
    dt_eq(dura_event_class(NULL, 0, word, 5), DURA_EVENT_ACCESS, "");
    dt_eq(dura_event_class(NULL, 0, word, 11), DURA_EVENT_OTHER, "");
}
