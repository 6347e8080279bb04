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

