/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The correlator: facts and events onto one line of time, into tallies and incidents.
 *
 * Nothing opens an incident but an anomaly of the box itself or an authenticated hostile
 * event next to it. Events before it wait in tallies (count, first, last per kind, class
 * and trust), events after it go straight to the rows; both give the same row.
 *
 * Everything that depends on time is decided where a record is taken, never in between:
 * poll() only closes what is due, so how often it is called cannot change a verdict.
 */
#include "dura_correlate_priv.h"

#define MINUTE INT64_C(60000000000)
#define SPAN_MAX (INT64_C(1) << 56)      /* ns; ten of them still fit */

#define CONFIG_V1 ((uint32_t)sizeof(dura_correlate_config))
#define EVENT_V1 16u
#define INCIDENT_V1 ((uint32_t)sizeof(dura_incident))

enum {
    HOSTILE_OPENS = 7,       /* severity from which a hostile event opens an incident */
    FAILURES = 3,            /* failed logins that are more than a typing error */
    LONG_QUIET = 10,         /* times quiet_ns: then it closes whatever is not back */
    SUDDEN_ONSET = 32,       /* samples; a step of two deviations alarms within them */
    SUDDEN_SIZE = 1500,      /* thousandths of a deviation */
    OUTPUT_BITS = 32
};

/* Words of other modules' facts, which no module may include. dura/sensor.h: */
enum {
    R_MISSING = 1 << 0 | 1 << 1 | 1 << 5,      /* MISSING, STALE, NONFINITE */
    R_TIME = 1 << 2 | 1 << 3 | 1 << 4,         /* REVERSED, DUPLICATE, GAP */
    R_RANGE = 1 << 6 | 1 << 7,
    R_RATE = 1 << 8 | 1 << 9 | 1 << 14 | 1 << 15, /* and SPIKE: a jump */
    R_FLAT = 1 << 10 | 1 << 11,
    R_NOISY = 1 << 16,
    R_ATTENUATED = 1 << 17,
    R_MEAN = 1 << 18,                          /* DRIFT */
    R_PROCESS = 1 << 19 | 1 << 20 | 1 << 23 | 1 << 24 | 1 << 25, /* CONTEXT, PARITY, JOINT */
    R_VOTE = 1 << 21 | 1 << 22,
    Q_SUSPECT = 3,                             /* the lowest verdict that is bad */
    Q_MISSING = 9
};
/* dura/drift.h: */
enum { D_BACK = 0, D_WIDER = 3, D_NARROWER = 4 };
/* dura/gate.h: */
enum { M_ANEW = 5, M_RESUMED = 6 }; /* DURA_MONITOR_*: about a start; the monitor works */
enum { G_COMMITTED = 9, G_ROLLED_BACK = 10 };

const uint8_t durai_slots[DURAI_SLOTS][2] = {
    {DURA_EV_EVENT_ASSET, DURA_EVENT_EXPLOIT}, {DURA_EV_EVENT_ASSET, DURA_EVENT_MALWARE},
    {DURA_EV_EVENT_ASSET, DURA_EVENT_DOS}, {DURA_EV_EVENT_ASSET, DURA_EVENT_CONFIG},
    {DURA_EV_EVENT_ASSET, DURA_EVENT_PHYSICAL},
    {DURA_EV_EVENT_ZONE, DURA_EVENT_EXPLOIT}, {DURA_EV_EVENT_ZONE, DURA_EVENT_MALWARE},
    {DURA_EV_EVENT_ZONE, DURA_EVENT_DOS}, {DURA_EV_EVENT_ZONE, DURA_EVENT_CONFIG},
    {DURA_EV_EVENT_ZONE, DURA_EVENT_PHYSICAL},
    {DURA_EV_EVENT_ELSEWHERE, DURA_EVENT_EXPLOIT}, {DURA_EV_EVENT_ELSEWHERE, DURA_EVENT_MALWARE},
    {DURA_EV_EVENT_ELSEWHERE, DURA_EVENT_DOS},
    {DURA_EV_RECON, DURA_EVENT_RECON}, {DURA_EV_RECON, DURA_EVENT_ACCESS_FAILED},
    {DURA_EV_CONFIG, DURA_EVENT_CONFIG}, {DURA_EV_PHYSICAL, DURA_EVENT_PHYSICAL},
    {DURA_EV_ACCESS, DURA_EVENT_ACCESS}, {DURA_EV_MAINTENANCE, DURA_EVENT_MAINTENANCE},
    {DURA_EV_CALIBRATION, DURA_EVENT_CALIBRATION}, {DURA_EV_UPDATE, DURA_EVENT_UPDATE},
    {DURA_EV_LOG, DURA_EVENT_AUDIT}, {DURA_EV_OPERATOR, DURA_EVENT_OTHER},
    {DURA_EV_CLOCK, DURA_EVENT_OTHER},
};

/* ---- building -------------------------------------------------------------------------- */

static int span(int64_t *ns, int64_t otherwise)
{
    *ns = *ns == 0 ? otherwise : *ns;
    return *ns > 0 && *ns <= SPAN_MAX;
}

static int read_config(dura_correlate_config *c, const dura_correlate_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->n_channels < 1 || c->n_channels > 1024 || c->drift_watched > 1 || c->reserved)
        return DURA_EINVAL;
    c->margin = c->margin ? c->margin : 10;
    c->score = c->score ? c->score : 10;
    if (c->margin > 1000 || c->score > 1000)
        return DURA_EINVAL;
    if (!span(&c->window_ns, 5 * MINUTE) || !span(&c->quiet_ns, MINUTE) || !span(&c->heartbeat_ns, 60 * MINUTE))
        return DURA_EINVAL;
    return DURA_OK;
}

static size_t bytes_of(const dura_correlate_config *c)
{
    size_t words = (c->n_channels + 31u) / 32u;
    return (sizeof(dura_correlate) + DURAI_BITMAPS * words * sizeof(uint32_t) + 7u) & ~(size_t)7u;
}

size_t dura_correlate_bytes(const dura_correlate_config *cfg)
{
    dura_correlate_config c;
    return read_config(&c, cfg) == DURA_OK ? bytes_of(&c) : 0;
}

int dura_correlate_init(dura_correlate **out, void *mem, size_t len, const dura_correlate_config *cfg)
{
    dura_correlate_config k;
    dura_correlate *c = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_config(&k, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if ((uintptr_t)mem & 7u)
        return DURA_EALIGN;
    if (len < bytes_of(&k))
        return DURA_ENOSPC;
    memset(c, 0, bytes_of(&k));
    c->window = k.window_ns;
    c->quiet = k.quiet_ns;
    c->heartbeat = k.heartbeat_ns;
    c->weight = k.weights ? k.weights : dura_correlate_weights();
    c->words = (k.n_channels + 31u) / 32u;
    c->n_channels = k.n_channels;
    c->asset = k.asset;
    c->zone = k.zone;
    c->margin = k.margin;
    c->score = k.score;
    c->drift_watched = k.drift_watched;
    *out = c;
    return DURA_OK;
}

/* ---- time ------------------------------------------------------------------------------ */

/* How long the device was away at least: since it started, or longer when two clocks that
 * somebody set say so. */
static int64_t away(const dura_time *before, const dura_time *t)
{
    int64_t gap = t->mono_ns;
    if (before->quality >= DURA_CLOCK_HOLDOVER && t->quality >= DURA_CLOCK_HOLDOVER &&
        t->wall_ns > before->wall_ns) {
        uint64_t wall = (uint64_t)t->wall_ns - (uint64_t)before->wall_ns;
        if (wall > (uint64_t)gap)
            gap = wall > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)wall;
    }
    return gap;
}

static int due(const dura_correlate *c)
{
    int64_t since = c->now - c->touched;
    if (!durai_incident_open(c))
        return 0;
    return since >= LONG_QUIET * c->quiet || (c->waiting == 0 && since >= c->quiet);
}

static void close_incident(dura_correlate *c)
{
    DURA_ASSERT(c->waiting <= 2u * c->n_channels + OUTPUT_BITS && c->involved <= c->n_channels);
    c->incident.state = DURA_INCIDENT_CLOSED;
    memset(c->bits, 0, DURAI_BITMAPS * c->words * sizeof c->bits[0]);
    c->outputs = 0;
    c->waiting = 0;
    c->involved = 0;
}

/* The line of time goes on to t; what is before the latest time counts as that. 2 when an
 * incident closed on the way. */
static int advance(dura_correlate *c, const dura_time *t)
{
    int64_t step = 0;
    if (!c->started || t->boot > c->last.boot)
        step = c->started ? away(&c->last, t) : 0;
    else if (t->boot < c->last.boot || t->mono_ns < c->last.mono_ns)
        return 0;
    else
        step = t->mono_ns - c->last.mono_ns;
    DURA_ASSERT(step >= 0);
    c->now = c->now > INT64_MAX - step ? INT64_MAX : c->now + step;
    c->last = *t;
    c->started = 1;
    if (!due(c))
        return 0;
    close_incident(c);
    return 2;
}

/* ---- incidents ------------------------------------------------------------------------- */

static void hold(dura_correlate *c, uint8_t kind, uint8_t event, uint8_t trust, uint16_t channel,
                 const dura_ref *at)
{
    dura_evidence *e = &c->spare;
    memset(e, 0, sizeof *e);
    e->gseq = at->gseq;
    memcpy(e->leaf, at->leaf, sizeof e->leaf);
    e->kind = kind;
    e->log = at->log;
    e->trust = trust;
    e->event = event;
    e->channel = channel;
    e->count = 1;
}

/* Is what a tally holds evidence? A few failed logins are not; writes that have gone on
 * for longer than a window before it began are the plant's habit. */
static int worth(const dura_correlate *c, uint32_t slot, const durai_tally *t)
{
    if (t->count == 0 || c->now - t->last > c->window)
        return 0;
    if (slot == DURAI_SLOT_ACCESS_FAILED)
        return t->count >= FAILURES;
    if (slot == DURAI_SLOT_CONFIG)
        return c->opened - t->first <= c->window;
    return 1;
}

/* 1 when a weight or what is missing may have moved. */
static int join(dura_correlate *c, uint32_t slot, const durai_tally *t, uint32_t count)
{
    uint8_t before = c->missing;
    DURA_ASSERT(slot < DURAI_SLOTS && count > 0 && t->count > 0);
    dura_evidence *e = &c->spare;
    memset(e, 0, sizeof *e);
    e->gseq = t->gseq;
    memcpy(e->leaf, t->leaf, sizeof e->leaf);
    e->kind = durai_slots[slot][0];
    e->log = t->log;
    e->trust = t->trust;
    e->event = durai_slots[slot][1];
    e->channel = DURA_NONE;
    e->count = count;
    c->missing |= t->missing;
    if (e->kind == DURA_EV_LOG)
        c->missing |= DURA_MISSING_LOG;
    return durai_correlate_row(c) || c->missing != before;
}

/* The span begins where its first evidence does, as far back as this start reaches. */
static void begin_at(dura_correlate *c, int64_t first)
{
    dura_time *b = &c->incident.begin;
    int64_t back = c->opened - first, was = c->opened - (c->incident.end.mono_ns - b->mono_ns);
    if (first >= was)
        return;
    back = back < c->incident.end.mono_ns ? back : c->incident.end.mono_ns;
    b->mono_ns = c->incident.end.mono_ns - back;
    b->wall_ns = c->incident.end.wall_ns < INT64_MIN + back ? INT64_MIN : c->incident.end.wall_ns - back;
}

/* 1 when there was none open. */
static int open_incident(dura_correlate *c, const dura_ref *at)
{
    dura_incident *in = &c->incident;
    if (durai_incident_open(c))
        return 0;
    memset(in, 0, sizeof *in);
    in->struct_size = (uint32_t)sizeof *in;
    in->id = ++c->ids;
    in->state = DURA_INCIDENT_OPENED;
    in->begin = in->end = at->time;
    c->opened = c->touched = c->now;
    c->missing = 0;
    for (uint32_t slot = 0; slot < DURAI_SLOTS; slot++)
        for (uint32_t sure = 0; sure < 2; sure++) {
            const durai_tally *t = &c->tally[sure][slot];
            if (!worth(c, slot, t))
                continue;
            (void)join(c, slot, t, t->count);
            if (sure)
                begin_at(c, t->first);
        }
    return 1;
}

static void touch(dura_correlate *c, const dura_ref *at)
{
    DURA_ASSERT(durai_incident_open(c) && c->touched <= c->now);
    c->touched = c->now;
    c->incident.end = at->time;
}

/* The verdict is another one: a revision, unless this record opened it. */
static inline int settle(dura_correlate *c, int opened, const dura_ref *at)
{
    int changed = durai_correlate_settle(c, at);
    DURA_ASSERT(changed == 0 || changed == 2);
    if (opened)
        return 2;
    if (changed)
        c->incident.state = DURA_INCIDENT_REVISED;
    return changed;
}

/* An anomaly of the box itself, in the incident that is open. */
static int add(dura_correlate *c, int opened, uint8_t kind, uint16_t channel, const dura_ref *at)
{
    DURA_ASSERT(kind > DURA_EV_NONE && kind < DURA_EV_END && durai_incident_open(c));
    hold(c, kind, DURA_EVENT_OTHER, DURA_TRUST_LOCAL, channel, at);
    (void)durai_correlate_row(c);
    touch(c, at);
    return 1 | settle(c, opened, at);
}

static int anomaly(dura_correlate *c, uint8_t kind, uint16_t channel, const dura_ref *at)
{
    return add(c, open_incident(c, at), kind, channel, at);
}

/* ---- channels -------------------------------------------------------------------------- */

/* Set or clear a bit; 1 when it was the other way. */
static int mark(dura_correlate *c, uint32_t map, uint16_t channel, int on)
{
    uint32_t *w = &c->bits[map * c->words + channel / 32u], bit = UINT32_C(1) << (channel % 32u);
    DURA_ASSERT(map < DURAI_BITMAPS && channel < c->n_channels);
    if (!(*w & bit) == !on)
        return 0;
    *w ^= bit;
    return 1;
}

static uint32_t output_bit(const dura_correlate *c, uint16_t channel)
{
    uint32_t output = (uint32_t)channel - c->n_channels;
    DURA_ASSERT(channel >= c->n_channels);
    return UINT32_C(1) << (output < OUTPUT_BITS ? output : OUTPUT_BITS - 1);
}

static void list_channel(dura_incident *in, uint16_t channel)
{
    for (uint16_t i = 0; i < in->n_channels; i++)
        if (in->channel[i] == channel)
            return;
    if (in->n_channels < DURA_INCIDENT_CHANNELS)
        in->channel[in->n_channels++] = channel;
}

/* Bad or drifted; one behind the policy's channels is an output of the model. */
static int leaves(dura_correlate *c, uint32_t map, uint16_t channel, uint8_t kind, const dura_ref *at)
{
    int opened = open_incident(c, at);
    if (channel < c->n_channels) {
        c->waiting = (uint16_t)(c->waiting + mark(c, map, channel, 1));
        c->involved = (uint16_t)(c->involved + mark(c, DURAI_EVER, channel, 1));
    } else {
        uint32_t bit = output_bit(c, channel);
        c->waiting = (uint16_t)(c->waiting + !(c->outputs & bit));
        c->outputs |= bit;
    }
    if (channel != DURA_NONE)
        list_channel(&c->incident, channel);
    return add(c, opened, kind, channel, at);
}

/* Work that was announced or done explains why it is back. */
static int worked_on(const dura_correlate *c)
{
    for (uint32_t i = 0; i < c->incident.n_evidence; i++) {
        const dura_evidence *e = &c->incident.evidence[i];
        if (e->trust != DURA_TRUST_NONE && e->kind >= DURA_EV_MAINTENANCE && e->kind <= DURA_EV_OPERATOR)
            return 1;
    }
    return 0;
}

static int comes_back(dura_correlate *c, uint32_t map, uint16_t channel, const dura_ref *at)
{
    int was;
    if (channel < c->n_channels) {
        was = mark(c, map, channel, 0);
    } else {
        uint32_t bit = output_bit(c, channel);
        was = (c->outputs & bit) != 0;
        c->outputs &= ~bit;
    }
    if (!was)
        return 0;
    DURA_ASSERT(c->waiting > 0 && durai_incident_open(c));
    c->waiting--;
    if (c->waiting)
        return 0;
    if (!worked_on(c))
        return add(c, 0, DURA_EV_RECOVERED, DURA_NONE, at);
    touch(c, at);
    return 1 | settle(c, 0, at);
}

/* One record says one thing: the most basic of what the sensor found. What a channel says
 * of itself comes before what others say of it. */
static uint8_t kind_of(uint32_t reasons, int64_t verdict)
{
    static const struct { uint32_t bits; uint8_t kind; } order[] = {
        {R_MISSING, DURA_EV_MISSING}, {R_FLAT, DURA_EV_FLAT}, {R_RANGE, DURA_EV_RANGE},
        {R_RATE, DURA_EV_RATE}, {R_VOTE, DURA_EV_DISAGREES}, {R_ATTENUATED, DURA_EV_QUIET},
        {R_NOISY, DURA_EV_DRIFT_SPREAD}, {R_PROCESS, DURA_EV_IMPLAUSIBLE},
        {R_MEAN, DURA_EV_DRIFT_SLOW}, {R_TIME, DURA_EV_TIME}};
    if (verdict == Q_MISSING)
        return DURA_EV_MISSING;
    for (uint32_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (reasons & order[i].bits)
            return order[i].kind;
    return DURA_EV_RANGE;
}

static int take_channel(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    if (f->channel >= c->n_channels)
        return 0;
    if (f->value[1] < Q_SUSPECT)
        return comes_back(c, DURAI_BAD, f->channel, at);
    return leaves(c, DURAI_BAD, f->channel, kind_of(f->reasons, f->value[1]), at);
}

static int take_drift(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    uint8_t kind = DURA_EV_DRIFT_SLOW;
    if (f->value[0] == D_BACK)
        return comes_back(c, DURAI_DRIFTED, f->channel, at);
    if (f->channel >= c->n_channels)
        kind = DURA_EV_OUTPUT;
    else if (f->value[0] == D_WIDER)
        kind = DURA_EV_DRIFT_SPREAD;
    else if (f->value[0] == D_NARROWER)
        kind = DURA_EV_QUIET;
    else if (f->value[1] >= SUDDEN_SIZE && f->value[2] <= SUDDEN_ONSET)
        kind = DURA_EV_DRIFT_SUDDEN;
    int bits = leaves(c, DURAI_DRIFTED, f->channel, kind, at);
    if (f->reasons) { /* a reference that cannot carry its rate */
        c->missing |= DURA_MISSING_DRIFT;
        c->incident.missing |= DURA_MISSING_DRIFT;
    }
    return bits;
}

/* ---- events and what counts like them ----------------------------------------------------- */

static void count_up(dura_correlate *c, durai_tally *t, uint8_t trust, uint8_t missing, const dura_ref *at)
{
    if (t->count == 0 || c->now - t->last > c->window) {
        memset(t, 0, sizeof *t);
        t->first = c->now;
        t->gseq = at->gseq;
        memcpy(t->leaf, at->leaf, sizeof t->leaf);
        t->trust = trust;
        t->log = at->log;
    }
    t->last = c->now;
    t->count += t->count < UINT32_MAX;
    t->missing |= missing;
}

/* Does the row that this slot makes exist? */
static int has_row(const dura_correlate *c, uint32_t slot, int sure)
{
    for (uint32_t i = 0; i < c->incident.n_evidence; i++) {
        const dura_evidence *e = &c->incident.evidence[i];
        if (e->kind == durai_slots[slot][0] && e->event == durai_slots[slot][1] && e->channel == DURA_NONE &&
            (e->trust != DURA_TRUST_NONE) == sure)
            return 1;
    }
    return 0;
}

/* Into its tally and, while an incident is open, among its evidence. */
static int note(dura_correlate *c, uint32_t slot, uint8_t trust, uint8_t missing, int opens, const dura_ref *at)
{
    int sure = trust != DURA_TRUST_NONE;
    durai_tally *t = &c->tally[sure][slot];
    uint8_t kind = durai_slots[slot][0];
    DURA_ASSERT(slot < DURAI_SLOTS && (!opens || sure));
    count_up(c, t, trust, missing, at);
    if (!durai_incident_open(c)) {
        if (!opens)
            return 0;
        return 1 | settle(c, open_incident(c, at), at);
    }
    if (!worth(c, slot, t))
        return 0;
    int moved = join(c, slot, t, has_row(c, slot, sure) ? 1 : t->count);
    if (sure && kind != DURA_EV_RECON && kind != DURA_EV_EVENT_ELSEWHERE)
        touch(c, at); /* a flood from afar or from anybody must not keep it open */
    return 1 | (moved || trust == DURA_TRUST_LOCAL ? settle(c, 0, at) : 0);
}

enum { PLACE_ASSET, PLACE_ZONE, PLACE_ELSEWHERE };

static int place_of(const dura_correlate *c, const dura_event *e)
{
    if (e->asset == DURA_NONE && e->trust == DURA_TRUST_LOCAL)
        return PLACE_ASSET; /* what the device saw itself, it saw here */
    if (e->asset != DURA_NONE && e->asset == c->asset)
        return PLACE_ASSET;
    return e->zone != DURA_NONE && e->zone == c->zone ? PLACE_ZONE : PLACE_ELSEWHERE;
}

/* Of the five classes that can be hostile, which. -1: none of them. */
static int hostile_class(const dura_event *e)
{
    switch (e->type) {
    case DURA_EVENT_EXPLOIT: return 0;
    case DURA_EVENT_MALWARE: return 1;
    case DURA_EVENT_DOS: return 2;
    case DURA_EVENT_CONFIG: return e->severity >= HOSTILE_OPENS ? 3 : -1;
    case DURA_EVENT_PHYSICAL: return e->severity >= HOSTILE_OPENS ? 4 : -1;
    default: return -1;
    }
}

/* What did not succeed says that somebody tried. */
static uint32_t failed_slot(const dura_event *e, int place)
{
    if (e->type == DURA_EVENT_ACCESS || e->type == DURA_EVENT_ACCESS_FAILED)
        return place == PLACE_ASSET ? DURAI_SLOT_ACCESS_FAILED : DURAI_SLOT_NONE;
    if (e->type == DURA_EVENT_AUDIT)
        return place != PLACE_ELSEWHERE ? DURAI_SLOT_LOG : DURAI_SLOT_NONE;
    if (e->type == DURA_EVENT_CONFIG || e->type == DURA_EVENT_PHYSICAL)
        return place == PLACE_ASSET ? DURAI_SLOT_RECON : DURAI_SLOT_NONE;
    return e->type >= DURA_EVENT_RECON && e->type <= DURA_EVENT_DOS ? DURAI_SLOT_RECON : DURAI_SLOT_NONE;
}

/* What is not hostile by itself. */
static uint32_t plain_slot(const dura_event *e, int place)
{
    int here = place == PLACE_ASSET, near_by = place != PLACE_ELSEWHERE;
    switch (e->type) {
    case DURA_EVENT_RECON: return DURAI_SLOT_RECON;
    case DURA_EVENT_CONFIG: return here ? DURAI_SLOT_CONFIG : DURAI_SLOT_NONE;
    case DURA_EVENT_PHYSICAL: return here ? DURAI_SLOT_PHYSICAL : DURAI_SLOT_NONE;
    case DURA_EVENT_ACCESS: return here ? DURAI_SLOT_ACCESS : DURAI_SLOT_NONE;
    case DURA_EVENT_MAINTENANCE: return near_by ? DURAI_SLOT_MAINTENANCE : DURAI_SLOT_NONE;
    case DURA_EVENT_CALIBRATION: return here ? DURAI_SLOT_CALIBRATION : DURAI_SLOT_NONE;
    case DURA_EVENT_UPDATE: return here ? DURAI_SLOT_UPDATE : DURAI_SLOT_NONE;
    case DURA_EVENT_AUDIT: return near_by ? DURAI_SLOT_LOG : DURAI_SLOT_NONE;
    default: return DURAI_SLOT_NONE;
    }
}

/* A login counts behind failures only, and is as trusted as they are. */
static int take_login(dura_correlate *c, uint8_t trust, uint8_t missing, const dura_ref *at)
{
    int sure = trust != DURA_TRUST_NONE;
    if (sure && worth(c, DURAI_SLOT_ACCESS_FAILED, &c->tally[1][DURAI_SLOT_ACCESS_FAILED]))
        return note(c, DURAI_SLOT_ACCESS, trust, missing, 0, at);
    for (int k = 0; k < 2; k++)
        if (worth(c, DURAI_SLOT_ACCESS_FAILED, &c->tally[k][DURAI_SLOT_ACCESS_FAILED]))
            return note(c, DURAI_SLOT_ACCESS, DURA_TRUST_NONE, missing, 0, at);
    return 0;
}

/* Another clock than the device's, off by more than the window. */
static int clock_unsure(const dura_correlate *c, const dura_event *e, const dura_time *t)
{
    if (e->trust == DURA_TRUST_LOCAL || t->quality == DURA_CLOCK_NONE)
        return 0;
    return t->wall_err_us == UINT32_MAX || (int64_t)t->wall_err_us * 1000 > c->window;
}

static int take_event(dura_correlate *c, const dura_event *e, const dura_ref *at)
{
    int place = place_of(c, e), hostile = e->failed ? -1 : hostile_class(e), bits = 0;
    uint8_t missing = clock_unsure(c, e, &at->time) ? DURA_MISSING_CLOCK : 0;
    uint32_t slot = e->failed || e->type == DURA_EVENT_ACCESS_FAILED ? failed_slot(e, place) : plain_slot(e, place);
    if (hostile_class(e) >= 0 && e->asset == DURA_NONE && e->zone == DURA_NONE && place == PLACE_ELSEWHERE)
        missing |= DURA_MISSING_ASSETS;
    if (slot == DURAI_SLOT_ACCESS)
        return take_login(c, e->trust, missing, at);
    if (slot != DURAI_SLOT_NONE)
        bits |= note(c, slot, e->trust, missing, 0, at);
    if (hostile < 0 || (place == PLACE_ELSEWHERE && hostile > 2))
        return bits;
    slot = (uint32_t)hostile + (place == PLACE_ASSET  ? DURAI_SLOT_ASSET
                                : place == PLACE_ZONE ? DURAI_SLOT_ZONE
                                                      : DURAI_SLOT_ELSEWHERE);
    int opens = place != PLACE_ELSEWHERE && e->trust != DURA_TRUST_NONE && e->severity >= HOSTILE_OPENS;
    return bits | note(c, slot, e->trust, missing, opens, at);
}

/* ---- public calls -------------------------------------------------------------------------- */

static int take_release(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    int bits = 0;
    if (f->value[1] == G_COMMITTED || f->value[1] == G_ROLLED_BACK)
        bits = note(c, DURAI_SLOT_UPDATE, DURA_TRUST_LOCAL, 0, 0, at);
    if (f->value[1] == G_ROLLED_BACK)
        bits |= anomaly(c, DURA_EV_BACKEND, DURA_NONE, at);
    return bits;
}

/* Nothing is watched while this stands; that it does is all that is known. */
static int take_monitor(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    if (f->value[0] == M_ANEW || f->value[0] == M_RESUMED)
        return 0;
    int bits = anomaly(c, DURA_EV_MONITOR, DURA_NONE, at);
    c->missing |= DURA_MISSING_DRIFT;
    c->incident.missing |= DURA_MISSING_DRIFT;
    return bits;
}

static int take_fact(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    switch (f->kind) {
    case DURA_FACT_CHANNEL: return take_channel(c, f, at);
    case DURA_FACT_DRIFT: return take_drift(c, f, at);
    case DURA_FACT_MONITOR: return take_monitor(c, f, at);
    case DURA_FACT_OUTPUT_BOUNDED: return anomaly(c, DURA_EV_OUTPUT, DURA_NONE, at);
    case DURA_FACT_BACKEND_FAILED: return anomaly(c, DURA_EV_BACKEND, DURA_NONE, at);
    case DURA_FACT_RELEASE: return take_release(c, f, at);
    case DURA_FACT_OVERRIDE: return note(c, DURAI_SLOT_OPERATOR, DURA_TRUST_LOCAL, 0, 0, at);
    case DURA_FACT_CLOCK_STEP: return note(c, DURAI_SLOT_CLOCK, DURA_TRUST_LOCAL, 0, 0, at);
    case DURA_FACT_LOG_LOST: return note(c, DURAI_SLOT_LOG, DURA_TRUST_LOCAL, 0, 1, at);
    case DURA_FACT_STORAGE: return note(c, DURAI_SLOT_LOG, DURA_TRUST_LOCAL, 0, 0, at);
    case DURA_FACT_GATE: /* what should run has no valid record: something is gone */
        return f->value[0] < 0 ? note(c, DURAI_SLOT_LOG, DURA_TRUST_LOCAL, 0, 0, at) : 0;
    default: return 0;
    }
}

int dura_correlate_update(dura_correlate *c, const dura_fact *f, const dura_ref *at)
{
    if (!c || !f || !at || at->time.mono_ns < 0)
        return DURA_EINVAL;
    int closed = advance(c, &at->time);
    return closed | take_fact(c, f, at);
}

int dura_correlate_event(dura_correlate *c, const dura_event *e, const dura_ref *at)
{
    dura_event mine;
    int rc, closed, bits, news;
    if (!c || !e || !at || at->time.mono_ns < 0)
        return DURA_EINVAL;
    rc = durai_struct_in(&mine, (uint32_t)sizeof mine, e, e->struct_size, EVENT_V1);
    if (rc < 0 || mine.type >= DURA_EVENT_CLASSES || mine.severity > 10 || mine.trust > DURA_TRUST_LOCAL)
        return DURA_EINVAL;
    closed = advance(c, &at->time);
    uint8_t spoken = mine.trust == DURA_TRUST_SOURCE ? 3 : mine.trust == DURA_TRUST_NONE ? 1 : 0;
    news = (spoken & 1 && (!c->spoken || c->now - c->heard > c->heartbeat)) ||
           (spoken & 2 && (!(c->spoken & 2) || c->now - c->heard_trusted > c->heartbeat));
    c->spoken |= spoken;
    if (spoken & 1)
        c->heard = c->now;
    if (spoken & 2)
        c->heard_trusted = c->now;
    bits = take_event(c, &mine, at);
    if (news && durai_incident_open(c))
        bits |= settle(c, (bits & 2) && c->incident.state == DURA_INCIDENT_OPENED, at);
    return closed | bits;
}

int dura_correlate_poll(dura_correlate *c, const dura_time *now)
{
    if (!c || !now || now->mono_ns < 0)
        return DURA_EINVAL;
    return advance(c, now);
}

int dura_correlate_query(const dura_correlate *c, dura_incident *out)
{
    if (!c || !out || out->struct_size < INCIDENT_V1)
        return DURA_EINVAL;
    if (c->incident.state == 0)
        return DURA_ENOENT;
    return durai_struct_out(out, &c->incident, (uint32_t)sizeof c->incident, INCIDENT_V1);
}

int dura_correlate_reset(dura_correlate *c)
{
    if (!c)
        return DURA_EINVAL;
    close_incident(c);
    memset(&c->incident, 0, sizeof c->incident);
    memset(c->tally, 0, sizeof c->tally);
    memset(&c->last, 0, sizeof c->last);
    memset(&c->spare, 0, sizeof c->spare);
    c->now = c->opened = c->touched = c->heard = c->heard_trusted = 0;
    c->ids = 0;
    c->started = c->spoken = c->missing = 0;
    return DURA_OK;
}

const dura_correlate_calls *dura_correlate_part(void)
{
    static const dura_correlate_calls calls = {(uint32_t)sizeof(dura_correlate_calls),
                                               0,
                                               dura_correlate_bytes,
                                               dura_correlate_init,
                                               dura_event_class,
                                               dura_correlate_update,
                                               dura_correlate_event,
                                               dura_correlate_poll,
                                               dura_correlate_query};
    return &calls;
}
