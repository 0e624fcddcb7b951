/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of a test program on a Cortex-M4 under QEMU (board mps2-an386).
 *
 * Vector table, FPU, .data and .bss, the constructors (the plain runner registers its
 * tests in them), the command line and main(); main's result becomes the exit code of the
 * emulator through semihosting. A fault prints where it happened and ends the program,
 * so a crash is a failed test and not a timeout. Files and printf go through newlib's
 * semihosting layer. The timers behind dt_icount.h are at the end.
 *
 * References: ARMv7-M Architecture Reference Manual B1.5 (vectors, stacking), B3.2.20
 * (CPACR), B3.3 (SysTick); Semihosting for AArch32 and AArch64 2.0 (calls 0x15, 0x20);
 * MPS2 AN386 (CMSDK APB timer 0 at 0x40000000, 25 MHz).
 */
#include "dt_icount.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv);
void dt_reset(void);
void dt_fault_at(const uint32_t *frame);
void initialise_monitor_handles(void);
void _init(void);

extern uint8_t dt_data_start[], dt_data_end[], dt_data_load[], dt_bss_start[], dt_bss_end[];
extern uint8_t dt_stack_top[];
extern void (*const dt_init_start[])(void);
extern void (*const dt_init_end[])(void);

#define REG(address) (*(volatile uint32_t *)(address))

/* ---- semihosting ---------------------------------------------------------------- */

static int semihost(int call, void *block)
{
    register int r0 __asm__("r0") = call;
    register void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* SYS_EXIT_EXTENDED: unlike SYS_EXIT it hands the code itself to the shell. */
static void leave(int code)
{
    uint32_t block[2] = {0x20026u, 0};
    block[1] = (uint32_t)code;
    for (;;)
        (void)semihost(0x20, block);
}

/* newlib's exit() and abort() end here. */
void _exit(int code);
void _exit(int code)
{
    leave(code);
}

/* SYS_GET_CMDLINE, cut at spaces: "program suite" as a shell would give it. */
static int arguments(char *line, size_t size, char **argv, int max)
{
    struct { char *p; uint32_t n; } block = {line, (uint32_t)size};
    int argc = 0;
    if (semihost(0x15, &block) != 0)
        return 0;
    for (char *word = strtok(line, " "); word && argc < max; word = strtok(NULL, " "))
        argv[argc++] = word;
    return argc;
}

/* ---- reset ---------------------------------------------------------------------- */

void dt_reset(void)
{
    static char line[1024];
    static char *argv[17];
    REG(0xE000ED88u) |= 0xFu << 20;     /* CPACR: full access to the FPU, before any float */
    __asm__ volatile("dsb\n isb");
    memcpy(dt_data_start, dt_data_load, (size_t)(dt_data_end - dt_data_start));
    memset(dt_bss_start, 0, (size_t)(dt_bss_end - dt_bss_start));
    initialise_monitor_handles();
    for (void (*const *f)(void) = dt_init_start; f < dt_init_end; f++)
        (*f)();
    int argc = arguments(line, sizeof line, argv, 16);
    int code = main(argc, argv);
    fflush(NULL);
    leave(code);
}

/* newlib's __libc_init_array is not used, but some of its objects name these. */
void _init(void) {}
void _fini(void);
void _fini(void) {}

/* ---- faults --------------------------------------------------------------------- */

/* frame: r0-r3, r12, lr, pc, xpsr as the core stacked them. */
void dt_fault_at(const uint32_t *frame)
{
    printf("fault: pc %08lx lr %08lx cfsr %08lx address %08lx\n", (unsigned long)frame[6],
           (unsigned long)frame[5], (unsigned long)REG(0xE000ED28u), (unsigned long)REG(0xE000ED38u));
    fflush(NULL);
    leave(99);
}

__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b dt_fault_at");
}

/* ---- instruction counter: CMSDK timer 0, counting down, one tick per 40 ----------- */

enum { TIMER = 0x40000000, CTRL = 0, VALUE = 4, RELOAD = 8 };

static uint32_t timer_now(void)
{
    return REG((uint32_t)TIMER + VALUE);
}

/* How many reads of the timer, DT_LOOP instructions each, it takes until it ticks. The
 * loop is in assembly so that no compiler changes its length. */
enum { DT_LOOP = 4 };
static uint32_t reads_until_tick(uint32_t *at)
{
    uint32_t reads = 0, first, now;
    __asm__ volatile("ldr %1, [%3]\n"
                     "1: ldr %2, [%3]\n"
                     "   adds %0, %0, #1\n"
                     "   cmp %2, %1\n"
                     "   beq 1b\n"
                     : "+r"(reads), "=&r"(first), "=&r"(now)
                     : "r"((uint32_t)TIMER + VALUE)
                     : "cc", "memory");
    *at = now;
    return reads;
}

/* Count without the pair's own instructions; found once per program, on nothing. */
static uint32_t raw_count(uint32_t begin)
{
    uint32_t at, reads = reads_until_tick(&at);
    return (begin - at) * DT_ICOUNT_PER_TICK - reads * DT_LOOP;
}

uint32_t dt_icount_begin(void)
{
    uint32_t at;
    if ((REG((uint32_t)TIMER + CTRL) & 1u) == 0) {
        REG((uint32_t)TIMER + RELOAD) = 0xFFFFFFFFu;
        REG((uint32_t)TIMER + VALUE) = 0xFFFFFFFFu;
        REG((uint32_t)TIMER + CTRL) = 1;
    }
    (void)timer_now();
    (void)reads_until_tick(&at);
    return at;
}

uint32_t dt_icount_end(uint32_t begin)
{
    static uint32_t own;
    uint32_t n = raw_count(begin);
    if (own == 0) {
        uint32_t b = dt_icount_begin();
        own = raw_count(b) + 1;      /* + 1: 0 means "not known yet" */
    }
    return n > own - 1 ? n - (own - 1) : 0;
}

/* ---- the interrupt: SysTick ------------------------------------------------------- */

static void (*tick_call)(void);
static volatile uint32_t ticks;

static void tick(void)
{
    ticks++;
    if (tick_call)
        tick_call();
}

void dt_tick_start(uint32_t period, void (*f)(void))
{
    uint32_t n = (period + DT_ICOUNT_PER_TICK - 1u) / DT_ICOUNT_PER_TICK;
    dt_tick_stop();
    tick_call = f;
    ticks = 0;
    REG(0xE000E014u) = n > 1 ? n - 1u : 1u;     /* reload: fires every reload + 1 ticks */
    REG(0xE000E018u) = 0;
    REG(0xE000E010u) = 7;                       /* processor clock, interrupt, enable */
}

void dt_tick_stop(void)
{
    REG(0xE000E010u) = 0;
    REG(0xE000ED04u) = 1u << 25;                /* ICSR: forget a pending one */
    __asm__ volatile("dsb\n isb" : : : "memory");
}

uint32_t dt_tick_count(void)
{
    return ticks;
}

/* ---- vectors -------------------------------------------------------------------- */

#define VECTOR(f) ((uintptr_t)(f))

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16 + 32] = {
    [0] = (uintptr_t)dt_stack_top, [1] = VECTOR(dt_reset), [2] = VECTOR(fault), [3] = VECTOR(fault),
    [4] = VECTOR(fault), [5] = VECTOR(fault), [6] = VECTOR(fault), [15] = VECTOR(tick),
};
