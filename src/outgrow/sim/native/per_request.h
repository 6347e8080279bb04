/* Functions scaled per request: seconds, rules of per_request.py. Where processor and expiry allow, eight instances are
   looked at in one step, to equal bits. */

static inline int highest_bit(unsigned bits)
{
#if defined(__GNUC__)
    return 31 - __builtin_clz(bits);
#else
    int highest = 0;
    while (bits >>= 1)
        highest++;
    return highest;
#endif
}

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

/* The youngest instance below ``end`` that is free by ``now``, or -1. The youngest eight are looked at without a branch:
   which of them is free cannot be predicted, that one of them is can. */
static inline int youngest_free(const double *free_at, int end, double now)
{
    int from = end > 8 ? end - 8 : 0;
    unsigned free = 0;
    for (int k = from; k < end; k++)
        free |= (unsigned)(free_at[k] <= now) << (k - from);
    if (free)
        return from + highest_bit(free);
    int k = from - 1;
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
    if (a->kind != POISSON || a->none || !a->steady) {
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
    if (in->warm.kind == EXPONENTIAL) { /* drawn in blocks only, so none is left over */
        refill_exponentials(&in->warm.words);
        for (int k = 0; k < LANES; k++)
            in->served[k] = in->warm.a * in->warm.words.standard[k];
        in->warm.words.next = LANES;
        return;
    }
    for (int k = 0; k < LANES; k++)
        in->served[k] = draw(&in->warm);
}

/* Serves what the eight youngest can serve, all of them in one register; hands back the first pair that needs more: no
   instance free, one that has expired, or a time from the limit on. Expiry must be fixed. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_WIDE 1
__attribute__((target("avx512f,lzcnt"))) static int serve_wide(Instances *in, int pair, double limit, double *response_s)
{
    enum { WIDE = 8 };
    const double expiry = in->expiry.a;
    double *free_at = in->free_at + (in->count > WIDE ? in->count - WIDE : 0), edge[WIDE];
    int here = in->count < WIDE ? in->count : WIDE;
    for (int k = 0; k < WIDE; k++)
        edge[k] = k < here ? free_at[k] : NEVER;
    __m512d ends = _mm512_loadu_pd(edge);
    const __m512d lives = _mm512_set1_pd(expiry);
    double sum = *response_s;
    for (; pair < LANES; pair++) {
        double now = in->time[pair], served = in->served[pair];
        if (!(now < limit))
            break;
        __m512d at = _mm512_set1_pd(now);
        unsigned free = _mm512_cmp_pd_mask(ends, at, _CMP_LE_OQ);
        unsigned gone = _mm512_cmp_pd_mask(_mm512_add_pd(ends, lives), at, _CMP_LE_OQ);
        if (free == 0)
            break;
        unsigned youngest = 0x80000000u >> _lzcnt_u32(free);
        if (gone & youngest)
            break;
        sum += served;
        ends = _mm512_mask_mov_pd(ends, (__mmask8)youngest, _mm512_set1_pd(now + served));
    }
    *response_s = sum;
    double after[WIDE];
    _mm512_storeu_pd(after, ends);
    double *until = in->until + (free_at - in->free_at);
    for (int k = 0; k < here; k++) {
        if (after[k] != edge[k]) {
            free_at[k] = after[k];
            until[k] = after[k] + expiry;
        }
    }
    return pair;
}

static int has_wide(const Instances *in)
{
    return in->expiry.kind == FIXED && __builtin_cpu_supports("avx512f");
}
#else
#define HAS_WIDE 0
#endif

/* One request at ``now``; its response. */
static inline double serve(Instances *in, double now, double served)
{
    int k = youngest_free(in->free_at, in->count, now);
    while (k >= 0 && in->until[k] <= now) {
        expire_instance(in, k);
        k = youngest_free(in->free_at, k, now);
    }
    if (k < 0)
        return start_instance(in, now);
    double done = now + served;
    in->free_at[k] = done;
    in->until[k] = done + (in->expiry.kind == FIXED ? in->expiry.a : draw(&in->expiry));
    return served;
}

static int serve_until(Instances *in, double limit, PyThreadState **thread)
{
    double response_s = in->response_s;
    int64_t arrivals = 0;
#if HAS_WIDE
    const int wide = has_wide(in);
#endif
    for (;;) {
        if (in->next_pair == LANES)
            next_pairs(in);
        int first = in->next_pair, pair = first;
        while (pair < LANES) {
#if HAS_WIDE
            if (wide && (pair = serve_wide(in, pair, limit, &response_s)) == LANES)
                break;
#endif
            if (!(in->time[pair] < limit))
                break;
            response_s += serve(in, in->time[pair], in->served[pair]);
            pair++;
        }
        arrivals += pair - first;
        in->next_pair = pair;
        if (pair < LANES) {
            if (in->arriving.bad && in->time[pair] == NEVER) /* what is wrong beyond the limit is not looked at */
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
    m->arrivals = m->attempts = in->arrivals;
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

