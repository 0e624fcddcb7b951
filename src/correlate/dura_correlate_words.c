/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of security tools into the classes that matter for causes.
 *
 * The category decides; where it only says where something happened (access, system,
 * configuration, ... and the categories of IEC 62443-4-2 CR 2.8), the type decides. One
 * string holds all words, each behind a letter for its class: no pointers, so nothing to
 * relocate and little flash. docs/correlate.md has the same lists in a table.
 */
#include "dura_correlate_priv.h"

/* The letter of a class is 'A' + DURA_EVENT_*. */
static const char categories[] =
    "Aother Asystem Anetwork Acontrol Arequest Abackup Arequest_error Arequest_errors "
    "Acontrol_system Acontrol_system_event Acontrol_system_events Abackup_and_restore "
    "Baccess Baccess_control Bauth Bauthentication Bsession "
    "Drecon Dreconnaissance Dscan Ddiscovery "
    "Eexploit Eattack Eintrusion Fmalware Gdos Gddos Gdenial_of_service "
    "Hconfig Hconfiguration Hconfiguration_change Hconfiguration_changes "
    "Iphysical Jmaintenance Kcalibration Lupdate "
    "Maudit Maudit_log Maudit_log_event Maudit_log_events Nheartbeat ";

static const char types[] =
    "Alogout Alogoff Asession_close Asession_end "
    "Blogin Blogon Blogin_success Bsession_open Bsession_start "
    "Clogin_failed Clogin_failure Clogon_failed Clogon_failure Cauth_failed Cauth_failure "
    "Cauthentication_failed Cauthentication_failure Caccess_denied Cbrute_force Clockout "
    "Cbruteforce Caccount_locked "
    "Dscan Dport_scan Dportscan Dsweep Denumeration Dprobe "
    "Eexploit Eattack Espoof Espoofing Earp_spoof Ereplay Emitm Einjection Eoverflow "
    "Eprotocol_violation Eunauthorized_command "
    "Fmalware Ftrojan Fransomware Fworm Fvirus Fc2 Fbeacon Gdos Gddos Gflood Gsyn_flood "
    "Hprogram_download Hlogic_download Hparam_write Hparameter_write Hsetpoint_write "
    "Hset_point_write Hregister_write Hconfig_change Hmode_change Hrestore Hforce "
    "Idoor_open Icabinet_open Ienclosure_open Icable_removed Iusb_inserted "
    "Jmaintenance Jmaintenance_start Jwork_order Jpermit "
    "Kcalibration Krecalibration Ksensor_replaced Ksensor_replacement "
    "Lupdate Lfirmware_update Lpatch Lrelease "
    "Mlog_cleared Mlog_stopped Mlog_lost Mlog_full Maudit_stopped "
    "Nheartbeat Nalive Nkeepalive Nstats ";

static char plain(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' || c == ' ' || c == '.' ? '_' : c;
}

/* Does word, up to the blank behind it, say the same as the n bytes of text? */
static int says(const char *word, const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && word[i] == plain(text[i]) && word[i] != ' ')
        i++;
    return i == n && word[i] == ' ';
}

/* The class of text in a list of words; DURA_EVENT_CLASSES: it is not there. */
static uint8_t look_up(const char *list, const char *text, size_t n)
{
    if (!text || n == 0)
        return DURA_EVENT_CLASSES;
    for (; *list; list++) {
        if (says(list + 1, text, n)) {
            DURA_ASSERT(*list >= 'A' && *list < 'A' + DURA_EVENT_CLASSES);
            return (uint8_t)(*list - 'A');
        }
        while (*list != ' ')
            list++;
    }
    return DURA_EVENT_CLASSES;
}

/* "fail" or "denied" anywhere: how tools say that a login was refused. */
static int sounds_refused(const char *text, size_t n)
{
    for (size_t i = 0; text && i < n; i++) {
        static const char fail[] = "fail", denied[] = "denied";
        size_t f = 0, d = 0;
        while (f < 4 && i + f < n && plain(text[i + f]) == fail[f])
            f++;
        while (d < 6 && i + d < n && plain(text[i + d]) == denied[d])
            d++;
        if (f == 4 || d == 6)
            return 1;
    }
    return 0;
}

/* Categories that say where, not what. */
static int is_broad(uint8_t cls)
{
    return cls == DURA_EVENT_OTHER || cls == DURA_EVENT_ACCESS || cls == DURA_EVENT_CONFIG ||
           cls == DURA_EVENT_PHYSICAL || cls == DURA_EVENT_AUDIT || cls == DURA_EVENT_CLASSES;
}

uint8_t dura_event_class(const char *category, size_t category_len, const char *type, size_t type_len)
{
    uint8_t by_category = look_up(categories, category, category_len), by_type;
    if (!is_broad(by_category))
        return by_category;
    by_type = look_up(types, type, type_len);
    if (by_type != DURA_EVENT_CLASSES)
        return by_type;
    if (by_category == DURA_EVENT_ACCESS && sounds_refused(type, type_len))
        return DURA_EVENT_ACCESS_FAILED;
    return by_category == DURA_EVENT_CLASSES ? DURA_EVENT_OTHER : by_category;
}
