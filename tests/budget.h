/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of dura_guard_step, and of dura_sensor_update alone, on the Cortex-M4 target (8 channels, 5 checks, 1 output,
 * -Os, assertions on), as `ctest --test-dir build/arm -R budget -V` prints them. Lower them when they fall; a rise above 2 % fails
 * tests/test_budget.c. */
#ifndef DT_BUDGET_H
#define DT_BUDGET_H

#define DT_BUDGET_NORMAL 2172u
#define DT_BUDGET_ALARM 2216u
#define DT_BUDGET_HOLD 2620u
#define DT_BUDGET_FALLBACK 2632u
#define DT_BUDGET_APPEND 396u
#define DT_BUDGET_SENSOR 596u
#define DT_BUDGET_SENSOR_EXTENDED 1952u

#endif
