/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of the link share: the object, where fields lie on the wire, the tag.
 */
#ifndef DURA_LINK_PRIV_H
#define DURA_LINK_PRIV_H

#include <dura/link.h>

#include "../base/dura_base_priv.h"

#define DURAI_LINK_MAGIC 0x4C64u        /* the bytes "dL" */
#define DURAI_LINK_VERSION 1u
#define DURAI_LINK_TAG_MAX 16u

/* Where the fields of a frame lie; docs/formats/link.md. */
enum {
    DURAI_LINK_AT_VERSION = 2, DURAI_LINK_AT_PROFILE = 3, DURAI_LINK_AT_KEY = 4, DURAI_LINK_AT_FLAGS = 5,
    DURAI_LINK_AT_SOURCE = 6, DURAI_LINK_AT_CHANNELS = 8, DURAI_LINK_AT_LENGTH = 10, DURAI_LINK_AT_NUMBER = 12,
    DURAI_LINK_AT_TIME = 20, DURAI_LINK_HEAD = 28
};

/* Flags of the object. */
enum {
    DURAI_LINK_HELD = 1u,       /* a number was accepted or loaded */
    DURAI_LINK_LOADED = 2u,     /* ... loaded, and nothing accepted since: any step is right */
    DURAI_LINK_SAVED = 4u,
    DURAI_LINK_SENDER = 8u,
    DURAI_LINK_ROLL = 16u       /* the epoch's last count is used */
};

/* What key[1] is. */
enum { DURAI_LINK_NONE = 0u, DURAI_LINK_NEXT = 1u, DURAI_LINK_FORMER = 2u };

typedef struct durai_link_secret {
    uint32_t slot;
    uint8_t id, profile;        /* profile 0: there is no key */
    uint8_t sip[DURA_LINK_SIP_BYTES];
} durai_link_secret;

struct dura_link {
    uint64_t number;            /* newest accepted; of a sender: the next one */
    uint64_t seen;              /* bit i: number - i was accepted, or counts as such */
    uint64_t mark;              /* highest one refused as WRONG_SEQUENCE */
    uint64_t saved, least_frame;
    uint64_t accepted, lost;
    uint64_t refused[3];        /* auth, replay, other */
    const dura_crypto *crypto;
    const uint8_t *kinds;       /* of the channels, for open(); NULL: all float */
    dura_link_persist persist;
    void *persist_user;
    uint32_t max_delta, overlap, ahead;
    uint32_t former_left;       /* accepted frames until the former key ends */
    uint32_t run;               /* refusals since the last quiet stretch */
    uint16_t source, n;
    uint8_t least, window, resync_after;
    uint8_t flags;
    uint8_t wrong;              /* consecutive numbers beyond max_delta, the last being mark */
    uint8_t quiet;              /* accepted frames since the last refusal */
    uint8_t role;               /* of key[1] */
    durai_link_secret key[2];   /* in use; next or former */
};

/* Bytes of a frame's tag; 0 for no profile. */
uint32_t durai_link_tag_bytes(uint32_t profile);
/* Bytes of a frame of n channels without its tag. */
size_t durai_link_body(uint32_t n);
/* The tag of n bytes at p under key k. 0, or a code of the provider. */
int durai_link_tag(const dura_link *l, const durai_link_secret *k, const uint8_t *p, size_t n,
                   uint8_t tag[DURAI_LINK_TAG_MAX]);
/* key[1], which was the next key, is the key from here on. */
void durai_link_rotate(dura_link *l);

uint64_t durai_link_siphash(const uint8_t key[DURA_LINK_SIP_BYTES], const uint8_t *p, size_t n);
/* CRC-32 of AUTOSAR's profile 4. */
uint32_t durai_link_crc(const uint8_t *p, size_t n);

#endif
