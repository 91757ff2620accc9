/* A board that does not exist, behind NVML's own symbols, with a clock of its own and an integrator of its own.
 *
 * fake_set(board, key, value) sets what a board does; fake_advance(s) lets time pass; fake_true_j(board) is the energy
 * that really flowed, integrated over STEP_S, which is what tests compare with. Sensors: a counter and a power register
 * refreshed every `period`, with gain and offset; the power register may look at `look` seconds of a period only.
 *
 * With FAKE_NVML="base=150 amp=40 ..." in the environment its clock is the machine's (CLOCK_MONOTONIC), from the first
 * nvmlInit of a process on, and the board is always busy: for commands that load it as libnvidia-ml.so.1. Its power is
 * then a function of the time alone, so that fake_true_between(board, from, to) is the truth in any process.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOARDS 2
#define STEP_S 0.00025
#define RING 8192 /* 2 s of STEP_S: the past that averages are taken from */

typedef struct {
    double idle, base, amp, work_period, busy, begun; /* W, W, W, s, 0 or 1, s: when it last became busy */
    double period, look, gain, offset;         /* s, s, 1, W */
    double scatter;                            /* relative noise of every power reading */
    double mig, lost, energy_code, power_code, fields_code, limit, events, processes, stuck, jump;
    double true_j, counter_j, instant_w, average_w;
    long updates;
    double past[RING];
} Board;

static Board boards[BOARDS];
static double clock_s, count = 1, init_code;
static long steps;
static unsigned seed = 1;
static char names[BOARDS][64] = {"NVIDIA RTX A4000", "NVIDIA RTX A4000"};
static char driver[64] = "560.35.03";

static double noise(void) { /* uniform, unit variance */
    seed = seed * 1664525u + 1013904223u;
    return ((seed >> 8) / 16777216.0 - 0.5) * sqrt(12.0);
}

void fake_reset(void) {
    memset(boards, 0, sizeof boards);
    clock_s = 1000; steps = 0; count = 1; init_code = 0; seed = 1;
    strcpy(names[0], "NVIDIA RTX A4000"); strcpy(names[1], "NVIDIA RTX A4000"); strcpy(driver, "560.35.03");
    for (int i = 0; i < BOARDS; i++) {
        Board *b = &boards[i];
        b->idle = 30; b->base = 200; b->work_period = 1; b->period = 0.02; b->gain = 1; b->limit = 300;
        b->counter_j = 5000; b->true_j = 0; b->instant_w = b->average_w = 30;
    }
}

static double origin_s = -1; /* the machine's time at step 0; below 0: virtual time */

static double power(Board *b) {
    if (!b->busy) return b->idle;
    double since_s = origin_s >= 0 ? origin_s + steps * STEP_S : clock_s - b->begun;
    double phase = fmod(since_s, b->work_period) / b->work_period;
    return b->base + (phase < 0.5 ? b->amp : -b->amp);
}

static double mean_over(Board *b, double width) {
    long n = lround(width / STEP_S);
    if (n > steps) n = steps;
    if (n < 1) return power(b);
    return (b->true_j - b->past[(steps - n) % RING]) / (n * STEP_S);
}

static void refresh(Board *b) {
    double look = b->look > 0 ? b->look : 0.002;
    b->instant_w = (b->gain * mean_over(b, look) + b->offset) * (1 + b->scatter * noise());
    b->average_w = b->gain * mean_over(b, 1.0) + b->offset;
    if (b->look > 0) b->counter_j += b->instant_w * b->period; /* the counter sums what the sensor saw */
    else b->counter_j = 5000 + b->gain * b->true_j + b->offset * steps * STEP_S;
}

void fake_advance(double seconds) {
    long n = lround(seconds / STEP_S);
    for (long k = 0; k < n; k++) {
        for (int i = 0; i < BOARDS; i++) {
            Board *b = &boards[i];
            b->past[steps % RING] = b->true_j;
            b->true_j += power(b) * STEP_S;
        }
        steps++;
        clock_s = 1000 + steps * STEP_S;
        for (int i = 0; i < BOARDS; i++) {
            Board *b = &boards[i];
            long due = (long)floor(steps * STEP_S / b->period + 1e-9);
            if (due > b->updates) { b->updates = due; if (!b->stuck) refresh(b); }
        }
    }
}

void fake_seed(unsigned value) { seed = value * 2654435761u + 12345; }
double fake_now(void) { return clock_s; }
double fake_true_j(int i) { return boards[i].true_j; }
void fake_name(int i, const char *name) { strncpy(names[i], name, 63); }
void fake_driver(const char *text) { strncpy(driver, text, 63); }

void fake_set(int i, const char *key, double value) {
    Board *b = &boards[i];
    if (!strcmp(key, "busy") && value != b->busy) b->begun = clock_s;
#define KEY(name) if (!strcmp(key, #name)) { b->name = value; return; }
    KEY(idle) KEY(base) KEY(amp) KEY(work_period) KEY(busy) KEY(period) KEY(look) KEY(gain) KEY(offset) KEY(scatter)
    KEY(mig) KEY(lost) KEY(energy_code) KEY(power_code) KEY(fields_code) KEY(limit) KEY(events) KEY(processes)
    KEY(stuck) KEY(jump)
    if (!strcmp(key, "count")) count = value;
    if (!strcmp(key, "init_code")) init_code = value;
}

static double real_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void real_time(const char *settings) {
    char text[512], *rest = text, *word;
    strncpy(text, settings, 511);
    text[511] = 0;
    fake_reset();
    while ((word = strtok_r(rest, " ", &rest))) {
        char *equals = strchr(word, '=');
        if (equals) { *equals = 0; fake_set(0, word, atof(equals + 1)); }
    }
    boards[0].busy = 1;
    origin_s = floor(real_s() / STEP_S) * STEP_S;
}

double fake_true_between(int i, double from, double to) {
    double sum = 0;
    for (double t = from + 1e-5; t < to; t += 2e-5) {
        Board *b = &boards[i];
        double phase = fmod(t, b->work_period) / b->work_period;
        sum += (b->base + (phase < 0.5 ? b->amp : -b->amp)) * 2e-5;
    }
    return sum;
}

static void catch_up(void) {
    if (origin_s >= 0) fake_advance(floor((real_s() - origin_s) / STEP_S - steps) * STEP_S);
}

#define BOARD Board *b = handle; if (b->lost) return 15; catch_up()
int nvmlInitWithFlags(unsigned flags) {
    const char *settings = getenv("FAKE_NVML");
    if (settings && origin_s < 0) real_time(settings);
    return (int)init_code;
}
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) { strncpy(text, driver, n); return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = (unsigned)count; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **handle) { *handle = &boards[i]; return 0; }
int nvmlDeviceGetName(void *handle, char *text, unsigned n) { BOARD; strncpy(text, names[b - boards], n); return 0; }
int nvmlDeviceGetUUID(void *handle, char *text, unsigned n) {
    strncpy(text, (Board *)handle == boards ? "GPU-11111111-aaaa" : "GPU-22222222-bbbb", n); return 0;
}
#ifndef WITHOUT_ENERGY
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *mj) {
    BOARD; *mj = (unsigned long long)((b->counter_j + b->jump) * 1000); return (int)b->energy_code;
}
#endif
int nvmlDeviceGetPowerUsage(void *handle, unsigned *mw) {
    BOARD; *mw = (unsigned)(b->average_w * 1000); return (int)b->power_code;
}
typedef struct { unsigned id, scope; long long at, took; unsigned type, code; unsigned long long value; } Field;
#ifndef WITHOUT_FIELDS
int nvmlDeviceGetFieldValues(void *handle, int n, Field *f) {
    BOARD;
    f->type = 1; f->code = (unsigned)(b->fields_code == 186 ? (f->id == 186 ? 3 : 0) : b->fields_code);
    f->value = 0xABCD00000000ull | (unsigned)((f->id == 186 ? b->instant_w : b->average_w) * 1000);
    return 0;
}
#endif
#ifndef WITHOUT_STATE
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *bits) {
    BOARD; *bits = (unsigned long long)b->events; return 0;
}
int nvmlDeviceGetClockInfo(void *handle, unsigned which, unsigned *mhz) { BOARD; *mhz = which == 1 ? 1410 : 7001; return 0; }
typedef struct { unsigned version, sensor; int celsius; } Temperature;
int nvmlDeviceGetTemperatureV(void *handle, Temperature *t) { BOARD; if (t->version != 0x100000C) return 25; t->celsius = 61; return 0; }
int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *mw) { BOARD; *mw = (unsigned)(b->limit * 1000); return 0; }
#endif
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    BOARD; if (b->mig < 0) return 3; *current = *pending = (unsigned)b->mig; return 0;
}
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu, compute; } Process;
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *n, Process *p) {
    BOARD; *n = (unsigned)b->processes;
    for (unsigned i = 0; i < *n; i++) p[i].pid = 4000000 + i;
    return 0;
}
