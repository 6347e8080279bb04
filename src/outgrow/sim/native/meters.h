/* Sums of seconds and counts, in the order of Meters in observed.py; the bins of histogram.py. */

enum { OCTAVE_BINS = 64, LOW_EXPONENT = -20, HIGH_EXPONENT = 24 };
enum { BINS = (HIGH_EXPONENT - LOW_EXPONENT) * OCTAVE_BINS + 2 };
static const double DAY_S = 86400.0, BLOCK_S = 300.0, ROUNDING_S = 1e-6;

static inline int bin_of(double seconds)
{
    if (!(seconds >= 0x1p-20))
        return 0;
    if (seconds >= 0x1p24)
        return BINS - 1;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    return (int)((bits >> 46) - ((uint64_t)(1023 + LOW_EXPONENT) << 6)) + 1;
}

typedef struct {
    uint64_t counts[BINS];
    double sums[BINS];
} Histogram;

static inline void count_time(Histogram *h, double seconds)
{
    int bin = bin_of(seconds);
    h->counts[bin]++;
    h->sums[bin] += seconds;
}

/* All doubles, in the order of observed.Meters. */
typedef struct {
    double arrivals, completed, rejected, timed_out, abandoned, failed, unfinished, attempts, served, interrupted;
    double waited, delayed, cold_starts, warm_starts, cancelled_starts, lost_workers, switched_off;
    double stretches, second_slack_s, block_slack_s;
    double cold_s, busy_s, idle_s, active_s, flex_s, wasted_s, wait_s, response_s, surplus_s, throttled_s;
} Meters;

/* 1: go on. 0: a signal's handler raised, or there is no memory. Called without the interpreter's lock. */
static int signals_allow(PyThreadState **thread)
{
    PyEval_RestoreThread(*thread);
    int raised = PyErr_CheckSignals();
    *thread = PyEval_SaveThread();
    return raised == 0;
}

enum { STOPPED = -1, BAD_INPUT = -2, NO_MEMORY = -3 };
