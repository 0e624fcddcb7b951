/* SPDX-License-Identifier: Apache-2.0 */
/* dura/dura.h - the whole core in one include. */
#ifndef DURA_DURA_H
#define DURA_DURA_H

#include <dura/base.h>
#include <dura/port.h>
#include <dura/link.h>
#include <dura/sensor.h>
#include <dura/sensor_checks.h>
#include <dura/block.h>
#include <dura/feature.h>
#include <dura/backend.h>
#include <dura/backend_ext.h>
#include <dura/drift.h>
#include <dura/drift_chart.h>
#include <dura/mspc.h>
#include <dura/histogram.h>
#include <dura/accuracy.h>
#include <dura/log.h>
#include <dura/correlate.h>
#include <dura/gate.h>
#include <dura/guard.h>

#endif
