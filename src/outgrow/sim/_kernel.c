/* The kernels of outgrow.sim in C: the same semantics, the same operations in the same order, the same bits.

   streams.py, ziggurat.py, arrivals.py, per_request.py and kernel.py say what is computed and why; names here are theirs.
   Change both or neither: tests/sim/test_kernel_equality.py holds them together.

   Must be compiled without contraction of a * b + c and without fast-math, or the last bits differ.
   No Python object is touched while a kernel plays: the lock is released, and taken back now and then to see Ctrl-C. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NEVER HUGE_VAL
#define EVENTS_BETWEEN_SIGNALS 65536

/* ---- streams.py ---- */

enum { LANES = 64, LAYERS = 256 };
enum { ARRIVALS, SERVICE, COLD_START, FLASH, IDLE_TIMEOUT, PATIENCE, FAILURE, WARM_START };
enum { FIXED, EXPONENTIAL, LOGNORMAL, EMPIRICAL, UNIFORM, GAMMA, GEOMETRIC };

static const double EXPONENTIAL_TAIL = 7.69711747013104972;
static const double EXPONENTIAL_AREA = 3.949659822581572e-3;
static const double NORMAL_TAIL = 3.6541528853610088;
static const double NORMAL_AREA = 0.0049286732339746571;

static double exponential_edges[LAYERS + 1], exponential_heights[LAYERS + 1];
static double normal_edges[LAYERS + 1], normal_heights[LAYERS + 1];

static void build_tables(void)
{
    double *e = exponential_edges, *n = normal_edges;
    e[0] = EXPONENTIAL_AREA / exp(-EXPONENTIAL_TAIL);
    e[1] = EXPONENTIAL_TAIL;
    n[0] = NORMAL_AREA / exp(-0.5 * NORMAL_TAIL * NORMAL_TAIL);
    n[1] = NORMAL_TAIL;
    for (int i = 2; i < LAYERS; i++) {
        e[i] = -log(EXPONENTIAL_AREA / e[i - 1] + exp(-e[i - 1]));
        n[i] = sqrt(-2.0 * log(NORMAL_AREA / n[i - 1] + exp(-0.5 * n[i - 1] * n[i - 1])));
    }
    e[LAYERS] = n[LAYERS] = 0.0;
    for (int i = 0; i <= LAYERS; i++) {
        exponential_heights[i] = exp(-e[i]);
        normal_heights[i] = exp(-0.5 * n[i] * n[i]);
    }
}

typedef struct {
    uint64_t s0[LANES], s1[LANES], s2[LANES], s3[LANES], word[LANES];
    double standard[LANES]; /* of an exponential or normal stream: the draws that word[] makes */
    uint64_t side[4];
    int next;
} Words;

static inline uint64_t rotated(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static void seed_words(Words *w, uint64_t seed, int purpose)
{
    uint64_t state = seed + (uint64_t)(purpose + 1) * 0xD1342543DE82EF95ULL;
    for (int k = 0; k < 4 * (LANES + 1); k++) {
        uint64_t z = state += 0x9E3779B97F4A7C15ULL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        z ^= z >> 31;
        uint64_t *to[4] = {w->s0, w->s1, w->s2, w->s3};
        if (k < 4 * LANES)
            to[k & 3][k >> 2] = z;
        else
            w->side[k & 3] = z;
    }
    w->next = LANES;
}

/* All lanes at once: a loop the compiler turns into vector instructions. */
static void refill(Words *w)
{
    uint64_t *restrict s0 = w->s0, *restrict s1 = w->s1, *restrict s2 = w->s2, *restrict s3 = w->s3;
    uint64_t *restrict word = w->word;
    for (int k = 0; k < LANES; k++) {
        word[k] = rotated(s0[k] + s3[k], 23) + s0[k];
        uint64_t shifted = s1[k] << 17;
        s2[k] ^= s0[k];
        s3[k] ^= s1[k];
        s1[k] ^= s2[k];
        s0[k] ^= s3[k];
        s2[k] ^= shifted;
        s3[k] = rotated(s3[k], 45);
    }
    w->next = 0;
}

static inline uint64_t next_word(Words *w)
{
    if (w->next == LANES)
        refill(w);
    return w->word[w->next++];
}

static uint64_t side_word(Words *w)
{
    uint64_t *s = w->side, word = rotated(s[0] + s[3], 23) + s[0], shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return word;
}

/* The high 52 bits as a number from 1 up to 2, less 1: no conversion, no rounding. */
static inline double fraction(uint64_t word)
{
    uint64_t bits = (word >> 12) | (0x3FFULL << 52);
    double one;
    memcpy(&one, &bits, sizeof one);
    return one - 1.0;
}

static inline double open_uniform(uint64_t word) { return fraction(word) + 0x1p-53; }
static inline double side_uniform(Words *w) { return open_uniform(side_word(w)); }

static double exponential_rest(Words *w, double u, int layer)
{
    const double *edges = exponential_edges, *heights = exponential_heights;
    for (;;) {
        double x = u * edges[layer];
        if (x < edges[layer + 1])
            return x;
        if (layer == 0)
            return EXPONENTIAL_TAIL - log(side_uniform(w));
        double height = heights[layer] + side_uniform(w) * (heights[layer + 1] - heights[layer]);
        if (height < exp(-x))
            return x;
        uint64_t word = side_word(w);
        u = fraction(word);
        layer = (int)(word & 0xFF);
    }
}

static double normal_rest(Words *w, double u, int layer)
{
    const double *edges = normal_edges, *heights = normal_heights;
    for (;;) {
        double x = (2.0 * u - 1.0) * edges[layer];
        if (fabs(x) < edges[layer + 1])
            return x;
        if (layer == 0) {
            for (;;) {
                double far = -log(side_uniform(w)) / NORMAL_TAIL;
                double y = -log(side_uniform(w));
                if (y + y > far * far)
                    return x < 0 ? -NORMAL_TAIL - far : NORMAL_TAIL + far;
            }
        }
        double height = heights[layer] + side_uniform(w) * (heights[layer + 1] - heights[layer]);
        if (height < exp(-0.5 * x * x))
            return x;
        uint64_t word = side_word(w);
        u = fraction(word);
        layer = (int)(word & 0xFF);
    }
}

/* A block of draws at once. What the first word does not decide is rare but random: noting it and coming back keeps a
   mispredicted branch out of every block but the few that need it. Words of the side generator go out in the same order. */
static void refill_exponentials(Words *w)
{
    int open[LANES + 1], count = 0;
    refill(w);
    for (int k = 0; k < LANES; k++) {
        int layer = (int)(w->word[k] & 0xFF);
        double x = fraction(w->word[k]) * exponential_edges[layer];
        w->standard[k] = x;
        open[count] = k;
        count += !(x < exponential_edges[layer + 1]);
    }
    for (int j = 0; j < count; j++) {
        uint64_t word = w->word[open[j]];
        w->standard[open[j]] = exponential_rest(w, fraction(word), (int)(word & 0xFF));
    }
}

static void refill_normals(Words *w)
{
    int open[LANES + 1], count = 0;
    refill(w);
    for (int k = 0; k < LANES; k++) {
        int layer = (int)(w->word[k] & 0xFF);
        double x = (2.0 * fraction(w->word[k]) - 1.0) * normal_edges[layer];
        w->standard[k] = x;
        open[count] = k;
        count += !(fabs(x) < normal_edges[layer + 1]);
    }
    for (int j = 0; j < count; j++) {
        uint64_t word = w->word[open[j]];
        w->standard[open[j]] = normal_rest(w, fraction(word), (int)(word & 0xFF));
    }
}

static inline double standard_exponential(Words *w)
{
    if (w->next == LANES)
        refill_exponentials(w);
    return w->standard[w->next++];
}

static inline double standard_normal(Words *w)
{
    if (w->next == LANES)
        refill_normals(w);
    return w->standard[w->next++];
}

static double side_gamma(Words *w, double shape)
{
    double boost = 1.0;
    if (shape < 1.0) {
        boost = exp(log(side_uniform(w)) / shape);
        shape += 1.0;
    }
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        uint64_t word = side_word(w);
        double x = normal_rest(w, fraction(word), (int)(word & 0xFF));
        double v = 1.0 + c * x;
        if (v <= 0.0)
            continue;
        v = v * v * v;
        if (log(side_uniform(w)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * boost;
    }
}

/* A law with its stream. a and b: fixed value; mean; m and s of a lognormal; shape; log(1 - 1/mean). */
typedef struct {
    int kind;
    double a, b;
    const double *values;
    Py_ssize_t count;
    Words words;
} Law;

static inline double draw(Law *law)
{
    switch (law->kind) {
    case EXPONENTIAL: return law->a * standard_exponential(&law->words);
    case LOGNORMAL: return exp(law->a + law->b * standard_normal(&law->words));
    case EMPIRICAL: return law->values[(Py_ssize_t)(fraction(next_word(&law->words)) * (double)law->count)];
    case UNIFORM: return open_uniform(next_word(&law->words));
    case GAMMA: return side_gamma(&law->words, law->a) / law->a;
    case GEOMETRIC: return law->a < 0 ? 1.0 + floor(log(open_uniform(next_word(&law->words))) / law->a) : 1.0;
    default: return law->a;
    }
}

/* ---- what Python hands over: one array of numbers in the order of compiled.py ---- */

typedef struct {
    const double *at;
    const double *values;
    uint64_t seed;
} Handed;

static void read_law(Handed *in, Law *law, int purpose)
{
    law->kind = (int)*in->at++;
    law->a = *in->at++;
    law->b = *in->at++;
    law->count = (Py_ssize_t)*in->at++;
    law->values = in->values;
    in->values += law->count;
    if (law->kind != FIXED) /* a fixed law draws nothing, and seeding costs time that short runs notice */
        seed_words(&law->words, in->seed, purpose);
}

/* ---- arrivals.py ---- */

enum { HOURS = 24 };
static const double HOUR_S = 3600.0;

typedef struct {
    int given, steady, none, bad;
    double now, mean_gap;
    int64_t hour;
    double per_hour[HOURS];
    const double *times, *services;
    Py_ssize_t count, next_time, next_service;
    Words words;
} Arrivals;

static void read_arrivals(Handed *in, Arrivals *a, const double *times, Py_ssize_t count, const double *services)
{
    a->given = (int)*in->at++;
    memcpy(a->per_hour, in->at, sizeof a->per_hour);
    in->at += HOURS;
    a->steady = a->none = 1;
    for (int h = 0; h < HOURS; h++) {
        a->steady &= a->per_hour[h] == a->per_hour[0];
        a->none &= a->per_hour[h] == 0.0;
    }
    a->mean_gap = HOUR_S / a->per_hour[0];
    a->times = times;
    a->services = services;
    a->count = count;
    a->now = 0.0;
    a->hour = 0;
    a->bad = 0;
    a->next_time = a->next_service = 0;
    if (!a->given)
        seed_words(&a->words, in->seed, ARRIVALS);
}

static double next_hourly(Arrivals *a)
{
    double left = standard_exponential(&a->words);
    for (;;) {
        double rate = a->per_hour[a->hour % HOURS] / HOUR_S, end = (double)(a->hour + 1) * HOUR_S;
        double room = (end - a->now) * rate;
        if (left < room)
            return a->now += left / rate;
        left -= room;
        a->now = end;
        a->hour++;
    }
}

static inline double next_arrival(Arrivals *a)
{
    if (a->given) {
        if (a->bad || a->next_time == a->count)
            return NEVER;
        double time = a->times[a->next_time++];
        if (!(a->now <= time && time < NEVER)) {
            a->bad = 1;
            return NEVER;
        }
        return a->now = time;
    }
    if (a->none)
        return NEVER;
    if (a->steady)
        return a->now += a->mean_gap * standard_exponential(&a->words);
    return next_hourly(a);
}

static inline double next_service(Arrivals *a, Law *law)
{
    if (a->services == NULL)
        return draw(law);
    double service = a->services[a->next_service++];
    if (!(0.0 <= service && service < NEVER))
        a->bad = 1;
    return service;
}

/* ---- model.py, histogram.py ---- */

enum { OCTAVE_BINS = 64, LOW_EXPONENT = -20, HIGH_EXPONENT = 24 };
enum { BINS = (HIGH_EXPONENT - LOW_EXPONENT) * OCTAVE_BINS + 2 };

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

/* All doubles, in the order of model.Meters. */
typedef struct {
    double arrivals, completed, rejected, timed_out, abandoned, failed, unfinished, waited, delayed;
    double cold_starts, warm_starts, cancelled_starts;
    double cold_s, busy_s, idle_s, active_s, flex_s, wait_s, response_s;
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

/* ---- per_request.py ---- */

/* Live instances in the order they started, one array a quantity, so that the search reads neighbours. */
typedef struct {
    double *free_at, *until, *created;
    int count, most;
    Law warm, cold, expiry;
    Arrivals arriving;
    int next_pair;
    uint32_t blocks;
    double time[LANES], served[LANES];
    double arrivals, cold_starts, rejected, response_s, up_s, busy_s;
} Instances;

/* The youngest instance below ``end`` that is free by ``now``, or -1. */
static inline int youngest_free(const double *free_at, int end, double now)
{
    int k = end - 1;
    while (k >= 0 && free_at[k] > now)
        k--;
    return k;
}

static double start_instance(Instances *in, double now)
{
    if (in->count >= in->most) {
        in->rejected++;
        return 0.0;
    }
    in->cold_starts++;
    double served = draw(&in->cold);
    int k = in->count++;
    in->created[k] = now;
    in->free_at[k] = now + served;
    in->until[k] = now + served + draw(&in->expiry);
    return served;
}

static void expire_instance(Instances *in, int k)
{
    if (in->until[k] > in->created[k])
        in->up_s += in->until[k] - in->created[k];
    size_t rest = (size_t)(--in->count - k) * sizeof(double);
    memmove(in->free_at + k, in->free_at + k + 1, rest);
    memmove(in->until + k, in->until + k + 1, rest);
    memmove(in->created + k, in->created + k + 1, rest);
}

/* The next arrivals with their services, so that drawing and serving are two tight loops. NEVER ends them. */
static void next_pairs(Instances *in)
{
    Arrivals *a = &in->arriving;
    in->next_pair = 0;
    if (a->given || a->none || !a->steady) {
        for (int k = 0; k < LANES; k++) {
            in->time[k] = next_arrival(a);
            in->served[k] = in->time[k] < NEVER ? next_service(a, &in->warm) : 0.0;
            if (a->bad)
                in->time[k] = NEVER;
        }
        return;
    }
    double now = a->now;
    refill_exponentials(&a->words);
    for (int k = 0; k < LANES; k++)
        in->time[k] = now += a->mean_gap * a->words.standard[k];
    a->now = now;
    a->words.next = LANES;
    for (int k = 0; k < LANES; k++)
        in->served[k] = draw(&in->warm);
}

static int serve_until(Instances *in, double limit, PyThreadState **thread)
{
    double response_s = in->response_s;
    double *free_at = in->free_at, *until = in->until;
    const int fixed = in->expiry.kind == FIXED;
    const double fixed_expiry = in->expiry.a;
    int64_t arrivals = 0;
    for (;;) {
        if (in->next_pair == LANES)
            next_pairs(in);
        int pair = in->next_pair;
        double now = 0;
        for (; pair < LANES; pair++) {
            now = in->time[pair];
            if (!(now < limit))
                break;
            arrivals++;
            double served = in->served[pair];
            int k = youngest_free(free_at, in->count, now);
            while (k >= 0 && until[k] <= now) {
                expire_instance(in, k);
                k = youngest_free(free_at, k, now);
            }
            if (k >= 0) {
                response_s += served;
                double done = now + served;
                free_at[k] = done;
                until[k] = done + (fixed ? fixed_expiry : draw(&in->expiry));
            } else {
                response_s += start_instance(in, now);
            }
        }
        in->next_pair = pair;
        if (pair < LANES) {
            if (in->arriving.bad && now == NEVER) /* what is wrong beyond the limit is not looked at */
                return BAD_INPUT;
            break;
        }
        if ((++in->blocks & 1023) == 0 && !signals_allow(thread))
            return STOPPED;
    }
    in->arrivals += (double)arrivals;
    in->response_s = response_s;
    return 0;
}

static void count_from(Instances *in, double start)
{
    in->arrivals = in->cold_starts = in->rejected = in->response_s = in->up_s = in->busy_s = 0.0;
    for (int k = 0; k < in->count; k++) {
        if (in->free_at[k] > start)
            in->busy_s += in->free_at[k] - start;
        if (in->created[k] < start)
            in->created[k] = start;
    }
}

static void total_instances(Instances *in, double horizon, Meters *m)
{
    double busy_s = in->busy_s + in->response_s, up_s = in->up_s, unfinished = 0.0;
    for (int k = 0; k < in->count; k++) {
        double end = in->until[k] < horizon ? in->until[k] : horizon;
        if (end > in->created[k])
            up_s += end - in->created[k];
        if (in->free_at[k] > horizon) {
            busy_s -= in->free_at[k] - horizon;
            unfinished++;
        }
    }
    m->arrivals = in->arrivals;
    double completed = in->arrivals - in->rejected - unfinished;
    m->completed = completed > 0 ? completed : 0.0;
    m->rejected = in->rejected;
    m->unfinished = unfinished;
    m->delayed = m->cold_starts = in->cold_starts;
    m->busy_s = busy_s;
    m->idle_s = up_s - busy_s;
    m->flex_s = up_s;
    m->response_s = in->response_s;
}

static int play_instances(Instances *in, double warmup, double horizon, Meters *m, PyThreadState **thread)
{
    double *room = malloc(3 * (size_t)in->most * sizeof(double));
    if (room == NULL)
        return NO_MEMORY;
    in->free_at = room;
    in->until = in->free_at + in->most;
    in->created = in->until + in->most;
    in->next_pair = LANES;
    int status = serve_until(in, warmup, thread);
    if (status == 0) {
        count_from(in, warmup);
        status = serve_until(in, horizon, thread);
    }
    if (status == 0)
        total_instances(in, horizon, m);
    free(room);
    return status;
}

/* ---- kernel.py ---- */

enum { OFF, STARTING, IDLE, BUSY };
enum { QUEUE_DELAY, REQUEST_COUNT, EACH_WAIT, FITTED };
enum { COMPLETED, REJECTED, TIMED_OUT, ABANDONED, FAILED };
enum { RECORD_FIELDS = 6 };

typedef struct {
    double arrived, service, leaves, began;
    int leaves_as, fails;
} Request;

typedef struct {
    double due, since, ready_at, stopped_at;
    int state, running;
} Worker;

typedef struct {
    double horizon, warmup, timeout, warm_share, warm_fade, failure_share, scaler_value;
    int max_workers, slots, scaler, has_patience, timeout_drops, leaves_in_order, record;
    double queue_limit;
    int active[HOURS];
    Law service, cold, warm, idle, patience, flash, failure;
    Arrivals arriving;

    double now, up_since, window_at, arrival_at, leave_at, last_start;
    int64_t hour, in_service, places;
    int floor, up, starting, no_memory;
    Worker *workers;
    double *done;     /* slots a worker: when each place falls free, NEVER where it is */
    Request *held;
    Request *queue;   /* a ring: its size is a power of two */
    size_t queue_size, head, queued;
    double *records;
    size_t records_count, records_size;
    Meters meters;
    uint64_t wait[BINS], response[BINS];
} Run;

static inline Request *waiting(Run *r, size_t k) { return &r->queue[(r->head + k) & (r->queue_size - 1)]; }

/* Seconds from since to now that count. */
static inline double spent(const Run *r, double since)
{
    if (!(r->now > r->warmup))
        return 0.0;
    return r->now - (since > r->warmup ? since : r->warmup);
}

static void change_up(Run *r, int change)
{
    double seconds = spent(r, r->up_since);
    r->meters.active_s += seconds * (r->up < r->floor ? r->up : r->floor);
    r->meters.flex_s += seconds * (r->up > r->floor ? r->up - r->floor : 0);
    r->up_since = r->now;
    r->up += change;
}

static void keep_record(Run *r, const Request *q, int ending, int w)
{
    if (r->records_count + RECORD_FIELDS > r->records_size) {
        size_t size = r->records_size ? 2 * r->records_size : 1024 * RECORD_FIELDS;
        double *larger = realloc(r->records, size * sizeof(double));
        if (larger == NULL) {
            r->no_memory = 1;
            return;
        }
        r->records = larger;
        r->records_size = size;
    }
    double *to = r->records + r->records_count;
    to[0] = q->arrived;
    to[1] = q->began;
    to[2] = r->now;
    to[3] = ending;
    to[4] = w;
    to[5] = w >= 0 && r->workers[w].ready_at >= q->arrived;
    r->records_count += RECORD_FIELDS;
}

static inline void end_request(Run *r, const Request *q, int ending, int w)
{
    if (q->arrived < r->warmup)
        return;
    (&r->meters.completed)[ending]++;
    if (ending == COMPLETED) {
        double response_s = r->now - q->arrived;
        r->response[bin_of(response_s)]++;
        r->meters.response_s += response_s;
    }
    if (r->record)
        keep_record(r, q, ending, w);
}

static inline void begin(Run *r, int w, const Request *q)
{
    Worker *worker = &r->workers[w];
    double *done = r->done + (size_t)w * r->slots;
    int place = 0;
    while (done[place] != NEVER)
        place++;
    done[place] = r->now + q->service;
    Request *held = &r->held[(size_t)w * r->slots + place];
    *held = *q;
    held->began = r->now;
    worker->running++;
    r->in_service++;
    r->places--;
    if (worker->state == IDLE) {
        r->meters.idle_s += spent(r, worker->since);
        worker->state = BUSY;
        worker->since = r->now;
    }
    if (q->arrived >= r->warmup) {
        double wait_s = r->now - q->arrived;
        r->wait[bin_of(wait_s)]++;
        r->meters.wait_s += wait_s;
        r->meters.waited += wait_s > 0;
        r->meters.delayed += worker->ready_at >= q->arrived;
    }
}

static inline double first_done(const Run *r, int w)
{
    const double *done = r->done + (size_t)w * r->slots;
    double first = done[0];
    for (int place = 1; place < r->slots; place++)
        if (done[place] < first)
            first = done[place];
    return first;
}

static void next_leave(Run *r)
{
    double first = NEVER;
    if (r->leaves_in_order) {
        if (r->queued)
            first = waiting(r, 0)->leaves;
    } else {
        for (size_t k = 0; k < r->queued; k++)
            if (waiting(r, k)->leaves < first)
                first = waiting(r, k)->leaves;
    }
    r->leave_at = first;
}

static inline void fill(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    while (r->queued && worker->running < r->slots) {
        Request q = *waiting(r, 0);
        r->head++;
        r->queued--;
        if (q.leaves == r->leave_at && q.leaves < NEVER)
            next_leave(r);
        begin(r, w, &q);
    }
    if (worker->running) {
        worker->due = first_done(r, w);
        return;
    }
    if (worker->state == BUSY) {
        r->meters.busy_s += spent(r, worker->since);
        worker->state = IDLE;
        worker->since = r->now;
    }
    worker->due = r->up - r->starting <= r->floor ? NEVER : r->now + draw(&r->idle);
}

static void turn_off(Run *r, int w)
{
    r->workers[w].state = OFF;
    r->workers[w].due = NEVER;
    change_up(r, -1);
}

static void start_worker(Run *r)
{
    int w = -1, warm = 0;
    for (int k = 0; k < r->max_workers; k++)
        if (r->workers[k].state == OFF && (w < 0 || r->workers[k].stopped_at > r->workers[w].stopped_at))
            w = k;
    Worker *worker = &r->workers[w];
    if (r->warm_share > 0) {
        double fresh = draw(&r->flash);
        if (worker->stopped_at > -NEVER)
            warm = fresh < r->warm_share * exp(-(r->now - worker->stopped_at) / r->warm_fade);
    }
    worker->due = r->now + draw(warm ? &r->warm : &r->cold);
    worker->state = STARTING;
    worker->since = r->now;
    r->starting++;
    change_up(r, 1);
    if (r->now >= r->warmup) {
        r->meters.warm_starts += warm;
        r->meters.cold_starts += !warm;
    }
}

static void cancel_surplus(Run *r)
{
    while (r->starting && r->up > r->floor && (size_t)(r->starting - 1) * (size_t)r->slots >= r->queued) {
        int w = -1;
        for (int k = 0; k < r->max_workers; k++)
            if (r->workers[k].state == STARTING && (w < 0 || r->workers[k].since >= r->workers[w].since))
                w = k;
        r->meters.cold_s += spent(r, r->workers[w].since);
        r->meters.cancelled_starts += r->now >= r->warmup;
        r->starting--;
        turn_off(r, w);
    }
}

static inline void worker_event(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    if (worker->state == BUSY) {
        double *done = r->done + (size_t)w * r->slots;
        int place = 0;
        while (done[place] != r->now)
            place++;
        const Request *q = &r->held[(size_t)w * r->slots + place];
        done[place] = NEVER;
        worker->running--;
        r->in_service--;
        r->places++;
        end_request(r, q, r->now - q->arrived > r->timeout ? TIMED_OUT : q->fails ? FAILED : COMPLETED, w);
        fill(r, w);
    } else if (worker->state == STARTING) {
        r->meters.cold_s += spent(r, worker->since);
        r->starting--;
        worker->state = IDLE;
        worker->since = worker->ready_at = r->now;
        r->places += r->slots;
        fill(r, w);
    } else if (r->up - r->starting <= r->floor) {
        worker->due = NEVER;
    } else {
        r->meters.idle_s += spent(r, worker->since);
        r->places -= r->slots;
        turn_off(r, w);
        worker->stopped_at = r->now;
    }
}

static void window_event(Run *r)
{
    r->hour++;
    r->window_at = (double)(r->hour + 1) * HOUR_S;
    change_up(r, 0);
    r->floor = r->active[r->hour % HOURS];
    while (r->up < r->floor)
        start_worker(r);
    if (r->up - r->starting > r->floor)
        for (int w = 0; w < r->max_workers; w++)
            if (r->workers[w].state == IDLE && r->workers[w].due == NEVER)
                r->workers[w].due = r->now + draw(&r->idle);
}

static void leave_event(Run *r)
{
    size_t k = 0;
    while (waiting(r, k)->leaves != r->leave_at)
        k++;
    Request q = *waiting(r, k);
    for (; k > 0; k--) /* what stood before it moves up, so that the order stays */
        *waiting(r, k) = *waiting(r, k - 1);
    r->head++;
    r->queued--;
    next_leave(r);
    end_request(r, &q, q.leaves_as, -1);
}

static void join_queue(Run *r, const Request *q)
{
    if (r->queued == r->queue_size) {
        Request *larger = malloc(2 * r->queue_size * sizeof(Request));
        if (larger == NULL) {
            r->no_memory = 1;
            return;
        }
        for (size_t k = 0; k < r->queued; k++)
            larger[k] = *waiting(r, k);
        free(r->queue);
        r->queue = larger;
        r->queue_size *= 2;
        r->head = 0;
    }
    *waiting(r, r->queued++) = *q;
    if (q->leaves < r->leave_at)
        r->leave_at = q->leaves;
}

static inline void arrive_event(Run *r)
{
    Request q = {.arrived = r->now, .leaves = NEVER, .began = -1.0, .leaves_as = ABANDONED};
    if (r->has_patience)
        q.leaves = r->now + draw(&r->patience);
    if (r->timeout_drops && r->now + r->timeout <= q.leaves) {
        q.leaves = r->now + r->timeout;
        q.leaves_as = TIMED_OUT;
    }
    if (r->failure_share > 0)
        q.fails = draw(&r->failure) < r->failure_share;
    q.service = next_service(&r->arriving, &r->service);
    r->arrival_at = next_arrival(&r->arriving);
    r->meters.arrivals += q.arrived >= r->warmup;
    if (r->places) {
        int w = 0;
        while (r->workers[w].state < IDLE || r->workers[w].running == r->slots)
            w++;
        begin(r, w, &q);
        r->workers[w].due = first_done(r, w);
    } else if (r->queue_limit >= 0 && (double)r->queued >= r->queue_limit) {
        end_request(r, &q, REJECTED, -1);
    } else {
        join_queue(r, &q);
        if (r->scaler == EACH_WAIT && r->up < r->max_workers)
            start_worker(r);
    }
}

static inline double look_at(Run *r)
{
    if (r->up >= r->max_workers)
        return NEVER;
    int is_short = (size_t)r->starting * (size_t)r->slots < r->queued;
    if (r->scaler == QUEUE_DELAY && is_short) {
        double head = waiting(r, 0)->arrived;
        double at = (head > r->last_start ? head : r->last_start) + r->scaler_value;
        return at > r->now ? at : r->now;
    }
    if (r->scaler == REQUEST_COUNT && r->up * r->scaler_value < (double)r->queued + (double)r->in_service)
        return r->now;
    if (r->scaler == FITTED && is_short && r->starting < r->scaler_value)
        return r->now;
    return NEVER;
}

enum { WORKER_EVENT, WINDOW_EVENT, LEAVE_EVENT, ARRIVE_EVENT, LOOK_EVENT };

static int play(Run *r, PyThreadState **thread)
{
    for (uint32_t events = 1;; events++) {
        int w = 0, what = WORKER_EVENT;
        double at = r->workers[0].due;
        for (int k = 1; k < r->max_workers; k++)
            if (r->workers[k].due < at)
                at = r->workers[w = k].due;
        if (r->window_at < at)
            at = r->window_at, what = WINDOW_EVENT;
        if (r->leave_at < at)
            at = r->leave_at, what = LEAVE_EVENT;
        if (r->arrival_at < at)
            at = r->arrival_at, what = ARRIVE_EVENT;
        double look = look_at(r);
        if (look < at)
            at = look, what = LOOK_EVENT;
        if (at >= r->horizon)
            return r->arriving.bad ? BAD_INPUT : 0;
        r->now = at;
        switch (what) {
        case WORKER_EVENT: worker_event(r, w); break;
        case WINDOW_EVENT: window_event(r); break;
        case LEAVE_EVENT: leave_event(r); break;
        case ARRIVE_EVENT: arrive_event(r); break;
        default: start_worker(r); r->last_start = r->now;
        }
        if (r->scaler == FITTED)
            cancel_surplus(r);
        if ((events & (EVENTS_BETWEEN_SIGNALS - 1)) == 0 && !signals_allow(thread))
            return STOPPED;
        if (r->arriving.bad)
            return BAD_INPUT;
        if (r->no_memory)
            return NO_MEMORY;
    }
}

static void finish(Run *r)
{
    r->now = r->horizon;
    change_up(r, 0);
    for (int w = 0; w < r->max_workers; w++) {
        Worker *worker = &r->workers[w];
        if (worker->state == STARTING)
            r->meters.cold_s += spent(r, worker->since);
        else if (worker->state == IDLE)
            r->meters.idle_s += spent(r, worker->since);
        else if (worker->state == BUSY)
            r->meters.busy_s += spent(r, worker->since);
        for (int place = 0; place < r->slots; place++)
            if (r->done[(size_t)w * r->slots + place] != NEVER)
                r->meters.unfinished += r->held[(size_t)w * r->slots + place].arrived >= r->warmup;
    }
    for (size_t k = 0; k < r->queued; k++)
        r->meters.unfinished += waiting(r, k)->arrived >= r->warmup;
}

static int set_up(Run *r)
{
    /* one worker at least, never up, so that the search for the next event has where to begin */
    size_t workers = r->max_workers ? (size_t)r->max_workers : 1, places = workers * (size_t)r->slots;
    r->queue_size = 64;
    r->workers = malloc(workers * sizeof(Worker));
    r->done = malloc(places * sizeof(double));
    r->held = malloc(places * sizeof(Request));
    r->queue = malloc(r->queue_size * sizeof(Request));
    if (!r->workers || !r->done || !r->held || !r->queue)
        return NO_MEMORY;
    int varies = 0;
    for (int h = 1; h < HOURS; h++)
        varies |= r->active[h] != r->active[0];
    r->window_at = varies ? HOUR_S : NEVER;
    r->floor = r->up = r->active[0];
    r->places = (int64_t)r->floor * r->slots;
    r->leave_at = NEVER;
    r->last_start = -NEVER;
    for (size_t k = 0; k < places; k++)
        r->done[k] = NEVER;
    for (size_t w = 0; w < workers; w++)
        r->workers[w] = (Worker){.due = NEVER, .ready_at = -1.0, .stopped_at = -NEVER,
                                 .state = (int)w < r->floor ? IDLE : OFF};
    r->arrival_at = next_arrival(&r->arriving);
    return r->arriving.bad ? BAD_INPUT : 0;
}

static void take_down(Run *r)
{
    free(r->workers);
    free(r->done);
    free(r->held);
    free(r->queue);
    free(r->records);
    free(r);
}

/* ---- the door ---- */

static int failed(int status)
{
    if (status == NO_MEMORY)
        PyErr_NoMemory();
    if (status == BAD_INPUT)
        PyErr_SetString(PyExc_ValueError, "arrivals out of order or out of range");
    return status != 0;
}

static PyObject *py_per_request(PyObject *module, PyObject *args)
{
    unsigned long long seed;
    Py_buffer numbers, values, times, services;
    if (!PyArg_ParseTuple(args, "Ky*y*y*y*", &seed, &numbers, &values, &times, &services))
        return NULL;
    PyObject *out = NULL;
    Meters m = {0};
    int status = NO_MEMORY;
    Instances *in = calloc(1, sizeof *in);
    if (in != NULL) {
        Handed handed = {numbers.buf, values.buf, seed};
        double horizon = *handed.at++, warmup = *handed.at++;
        in->most = (int)*handed.at++;
        read_law(&handed, &in->warm, SERVICE);
        read_law(&handed, &in->cold, COLD_START);
        read_law(&handed, &in->expiry, IDLE_TIMEOUT);
        read_arrivals(&handed, &in->arriving, times.buf, times.len / (Py_ssize_t)sizeof(double),
                      services.len ? services.buf : NULL);
        PyThreadState *thread = PyEval_SaveThread();
        status = play_instances(in, warmup, horizon, &m, &thread);
        PyEval_RestoreThread(thread);
        free(in);
    }
    if (!failed(status))
        out = PyBytes_FromStringAndSize((const char *)&m, sizeof m);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&values);
    PyBuffer_Release(&times);
    PyBuffer_Release(&services);
    return out;
}

static void read_pool(Handed *in, Run *r)
{
    r->horizon = *in->at++;
    r->warmup = *in->at++;
    r->record = (int)*in->at++;
    r->max_workers = (int)*in->at++;
    r->slots = (int)*in->at++;
    r->scaler = (int)*in->at++;
    r->scaler_value = *in->at++;
    r->queue_limit = *in->at++;
    r->warm_share = *in->at++;
    r->warm_fade = *in->at++;
    r->timeout = *in->at++;
    r->timeout_drops = (int)*in->at++;
    r->failure_share = *in->at++;
    r->has_patience = (int)*in->at++;
    for (int h = 0; h < HOURS; h++)
        r->active[h] = (int)*in->at++;
    read_law(in, &r->service, SERVICE);
    read_law(in, &r->cold, COLD_START);
    read_law(in, &r->warm, WARM_START);
    read_law(in, &r->idle, IDLE_TIMEOUT);
    read_law(in, &r->patience, PATIENCE);
    r->leaves_in_order = !r->has_patience || r->patience.kind == FIXED;
    r->flash.kind = r->failure.kind = UNIFORM;
    if (r->warm_share > 0)
        seed_words(&r->flash.words, in->seed, FLASH);
    if (r->failure_share > 0)
        seed_words(&r->failure.words, in->seed, FAILURE);
}

static PyObject *py_pool(PyObject *module, PyObject *args)
{
    unsigned long long seed;
    Py_buffer numbers, values, times, services;
    if (!PyArg_ParseTuple(args, "Ky*y*y*y*", &seed, &numbers, &values, &times, &services))
        return NULL;
    PyObject *out = NULL;
    int status = NO_MEMORY;
    Run *r = calloc(1, sizeof *r);
    if (r != NULL) {
        Handed handed = {numbers.buf, values.buf, seed};
        read_pool(&handed, r);
        read_arrivals(&handed, &r->arriving, times.buf, times.len / (Py_ssize_t)sizeof(double),
                      services.len ? services.buf : NULL);
        PyThreadState *thread = PyEval_SaveThread();
        status = set_up(r);
        if (status == 0)
            status = play(r, &thread);
        if (status == 0)
            finish(r);
        PyEval_RestoreThread(thread);
    }
    if (!failed(status))
        out = Py_BuildValue("(y#y#y#y#)", (const char *)&r->meters, (Py_ssize_t)sizeof r->meters,
                            (const char *)r->wait, (Py_ssize_t)sizeof r->wait,
                            (const char *)r->response, (Py_ssize_t)sizeof r->response,
                            r->records ? (const char *)r->records : "",
                            (Py_ssize_t)(r->records_count * sizeof(double)));
    if (r != NULL)
        take_down(r);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&values);
    PyBuffer_Release(&times);
    PyBuffer_Release(&services);
    return out;
}

static PyObject *py_draws(PyObject *module, PyObject *args)
{
    unsigned long long seed;
    int purpose;
    Py_ssize_t count;
    Py_buffer numbers, values;
    if (!PyArg_ParseTuple(args, "Kiy*y*n", &seed, &purpose, &numbers, &values, &count))
        return NULL;
    PyObject *out = NULL;
    Law *law = calloc(1, sizeof *law);
    double *drawn = malloc((size_t)(count > 0 ? count : 1) * sizeof(double));
    if (law == NULL || drawn == NULL) {
        PyErr_NoMemory();
    } else {
        Handed handed = {numbers.buf, values.buf, seed};
        read_law(&handed, law, purpose);
        for (Py_ssize_t k = 0; k < count; k++)
            drawn[k] = draw(law);
        out = PyBytes_FromStringAndSize((const char *)drawn, count * (Py_ssize_t)sizeof(double));
    }
    free(law);
    free(drawn);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&values);
    return out;
}

static PyMethodDef methods[] = {
    {"per_request", py_per_request, METH_VARARGS, "Plays functions scaled per request; outgrow.sim.compiled calls it."},
    {"pool", py_pool, METH_VARARGS, "Plays a worker pool; outgrow.sim.compiled calls it."},
    {"draws", py_draws, METH_VARARGS, "Draws from a law; outgrow.sim.compiled calls it."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "The kernels of outgrow.sim, compiled.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    build_tables();
    return PyModule_Create(&definition);
}
