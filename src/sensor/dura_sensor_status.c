/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_sensor_status.c - reason bits in the words of NE 107, OPC UA and IEC 61850.
 *
 * One row per reason bit. Of several bits the worst NE 107 status and the largest OPC UA
 * severity are told; of equal severity the code of the lowest bit, which is the check that
 * ran first. IEC 61850 details are or-ed, validity is the worst.
 */
#include "dura_sensor_priv.h"

typedef struct status_row {
    uint32_t opcua;
    uint16_t iec61850;
    uint8_t ne107;
} status_row;

/* OPC UA Part 4 status codes, by their specified names. */
#define UA_NO_COMMUNICATION 0x80310000u      /* BadNoCommunication */
#define UA_OUT_OF_RANGE 0x803C0000u          /* BadOutOfRange */
#define UA_INVALID_TIMESTAMP 0x80230000u     /* BadInvalidTimestamp */
#define UA_SENSOR_FAILURE 0x808C0000u        /* BadSensorFailure */
#define UA_LAST_USABLE 0x40900000u           /* UncertainLastUsableValue */
#define UA_SUBSTITUTE 0x40910000u            /* UncertainSubstituteValue */
#define UA_INITIAL 0x40920000u               /* UncertainInitialValue */
#define UA_NOT_ACCURATE 0x40930000u          /* UncertainSensorNotAccurate */
#define UA_UNITS_EXCEEDED 0x40940000u        /* UncertainEngineeringUnitsExceeded */
#define UA_SUBNORMAL 0x40950000u             /* UncertainSubNormal */

#define NE_F DURA_NE107_FAILURE
#define NE_C DURA_NE107_CHECK
#define NE_S DURA_NE107_OFF_SPEC
#define NE_M DURA_NE107_MAINTENANCE
static const status_row rows[] = {
    /* MISSING */ {UA_NO_COMMUNICATION, DURA_Q_INVALID, NE_F},
    /* STALE */ {UA_NO_COMMUNICATION, DURA_Q_QUESTIONABLE | DURA_Q_OLD_DATA, NE_F},
    /* TIME_REVERSED */ {UA_INVALID_TIMESTAMP, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_F},
    /* TIME_DUPLICATE */ {UA_INVALID_TIMESTAMP, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_F},
    /* TIME_GAP */ {UA_LAST_USABLE, DURA_Q_QUESTIONABLE | DURA_Q_OLD_DATA, NE_S},
    /* NONFINITE */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_OVERFLOW, NE_F},
    /* RANGE_SUSPECT */ {UA_UNITS_EXCEEDED, DURA_Q_QUESTIONABLE | DURA_Q_OUT_OF_RANGE, NE_S},
    /* RANGE_FAIL */ {UA_OUT_OF_RANGE, DURA_Q_INVALID | DURA_Q_OUT_OF_RANGE, NE_F},
    /* RATE_SUSPECT */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_INACCURATE, NE_S},
    /* RATE_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_INACCURATE, NE_S},
    /* FLAT_SUSPECT */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_FAILURE, NE_F},
    /* FLAT_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_FAILURE, NE_F},
    /* WARMUP */ {UA_INITIAL, DURA_Q_QUESTIONABLE, DURA_NE107_NORMAL},
    /* SUBSTITUTED */ {UA_SUBSTITUTE, DURA_Q_SUBSTITUTED, NE_C},
    /* SPIKE_BEFORE */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_INACCURATE, NE_S},
    /* SPIKE_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_INACCURATE, NE_S},
    /* NOISY */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_INACCURATE, NE_M},
    /* ATTENUATED */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_INACCURATE, NE_M},
    /* DRIFT */ {UA_NOT_ACCURATE, DURA_Q_QUESTIONABLE | DURA_Q_BAD_REFERENCE, NE_M},
    /* CONTEXT_SUSPECT */ {UA_SUBNORMAL, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_S},
    /* CONTEXT_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_INCONSISTENT, NE_S},
    /* VOTE_SUSPECT */ {UA_SUBNORMAL, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_S},
    /* VOTE_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_INCONSISTENT, NE_S},
    /* PARITY_SUSPECT */ {UA_SUBNORMAL, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_S},
    /* PARITY_FAIL */ {UA_SENSOR_FAILURE, DURA_Q_INVALID | DURA_Q_INCONSISTENT, NE_S},
    /* JOINT */ {UA_SUBNORMAL, DURA_Q_QUESTIONABLE | DURA_Q_INCONSISTENT, NE_S},
    /* ESTIMATED */ {UA_SUBSTITUTE, DURA_Q_SUBSTITUTED, NE_C},
};
#define ROWS (sizeof rows / sizeof rows[0])
#define USER_ROWS 32u

#define UA_SEVERITY 0xC0000000u
#define Q_VALIDITY 3u

/* How bad an NE 107 status is beside another: F over C over S over M over none. */
static uint32_t rank_of(uint8_t ne107)
{
    return ne107 == DURA_NE107_NORMAL ? 0u : 5u - ne107;
}

/* Invalid over questionable over good, details together. */
static uint16_t worse_quality(uint32_t a, uint32_t b)
{
    uint32_t va = a & Q_VALIDITY, vb = b & Q_VALIDITY;
    uint32_t validity = va == DURA_Q_INVALID || vb == DURA_Q_INVALID ? (uint32_t)DURA_Q_INVALID : va | vb;
    return (uint16_t)(((a | b) & ~Q_VALIDITY) | validity);
}

static void take(dura_sensor_status *st, const status_row *row, uint8_t ne107)
{
    DURA_ASSERT(ne107 <= DURA_NE107_MAINTENANCE && row->iec61850 != 0);
    if ((row->opcua & UA_SEVERITY) > (st->opcua & UA_SEVERITY))
        st->opcua = row->opcua;
    if (rank_of(ne107) > rank_of(st->ne107))
        st->ne107 = ne107;
    st->iec61850 = worse_quality(st->iec61850, row->iec61850);
}

static int table_is_sound(const uint8_t *ne107)
{
    for (size_t i = 0; ne107 && i < USER_ROWS; i++)
        if (ne107[i] > DURA_NE107_MAINTENANCE)
            return 0;
    return 1;
}

int dura_sensor_translate(uint32_t reasons, const uint8_t *ne107, dura_sensor_status *out)
{
    dura_sensor_status st = DURA_SENSOR_STATUS_INIT;
    if (!out || !table_is_sound(ne107))
        return DURA_EINVAL;
    for (size_t i = 0; i < ROWS; i++)
        if (reasons >> i & 1u)
            take(&st, &rows[i], ne107 ? ne107[i] : rows[i].ne107);
    /* A value somebody put there is usable: its source is what is said of it. */
    if (reasons & DURA_R_SUBSTITUTED) {
        st.opcua = UA_SUBSTITUTE;
        st.iec61850 |= DURA_Q_QUESTIONABLE;
    }
    return durai_struct_out(out, &st, (uint32_t)sizeof st, SENSOR_STATUS_V1);
}
