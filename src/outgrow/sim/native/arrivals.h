/* When requests come: rates in requests an hour in, ascending seconds out, as arrivals.py. */

enum { HOURS = 24 };
enum { POISSON, GIVEN, SESSIONS };
static const double HOUR_S = 3600.0;

/* A session that is not over: when it asks next, and how often still. */
typedef struct {
    double at, left;
    int64_t number;
} Going;

typedef struct {
    int kind, steady, none, bad, over, no_memory, draws_days;
    double now, mean_gap, until, rate, size, start, factor;
    int64_t hour, last_day, number;
    double per_hour[HOURS];
    const double *factors;
    Py_ssize_t factor_count;
    const double *times, *services;
    Py_ssize_t count, next_time, next_service;
    Going *going;
    size_t going_count, going_size;
    Words words;
    Law sizes, gaps, days;
} Arrivals;

static inline int goes_before(const Going *x, const Going *y)
{
    return x->at < y->at || (x->at == y->at && x->number < y->number);
}

static void push_going(Arrivals *a, double at, int64_t number, double left)
{
    if (a->going_count == a->going_size) {
        size_t size = a->going_size ? 2 * a->going_size : 64;
        Going *larger = realloc(a->going, size * sizeof(Going));
        if (larger == NULL) {
            a->no_memory = 1;
            return;
        }
        a->going = larger;
        a->going_size = size;
    }
    Going new = {.at = at, .number = number, .left = left};
    size_t k = a->going_count++;
    for (; k > 0 && goes_before(&new, &a->going[(k - 1) / 2]); k = (k - 1) / 2)
        a->going[k] = a->going[(k - 1) / 2];
    a->going[k] = new;
}

static Going pop_going(Arrivals *a)
{
    Going first = a->going[0], last = a->going[--a->going_count];
    size_t k = 0, n = a->going_count;
    for (size_t child = 1; child < n; child = 2 * k + 1) {
        if (child + 1 < n && goes_before(&a->going[child + 1], &a->going[child]))
            child++;
        if (!goes_before(&a->going[child], &last))
            break;
        a->going[k] = a->going[child];
        k = child;
    }
    a->going[k] = last;
    return first;
}

static double factor_of(Arrivals *a, int64_t day)
{
    if (a->factor_count)
        return a->factors[day % a->factor_count];
    if (a->draws_days)
        for (; a->last_day < day; a->last_day++)
            a->factor = draw(&a->days);
    return a->factor;
}

static double next_hourly(Arrivals *a)
{
    if (a->over)
        return NEVER;
    double left = standard_exponential(&a->words);
    for (;;) {
        double end = (double)(a->hour + 1) * HOUR_S, room = (end - a->now) * a->rate;
        if (left < room)
            return a->now += left / a->rate;
        if (end >= a->until) {
            a->over = 1;
            return NEVER;
        }
        left -= room;
        a->now = end;
        a->hour++;
        a->rate = a->per_hour[a->hour % HOURS] / HOUR_S * factor_of(a, a->hour / HOURS);
    }
}

static double next_of_sessions(Arrivals *a)
{
    if (a->size == 1.0)
        return next_hourly(a);
    if (a->going_count && a->going[0].at <= a->start) {
        Going going = pop_going(a);
        if (going.left > 1.0)
            push_going(a, going.at + draw(&a->gaps), going.number, going.left - 1.0);
        return going.at;
    }
    double start = a->start;
    if (start == NEVER)
        return NEVER;
    a->number++;
    double size = draw(&a->sizes);
    if (size > 1.0)
        push_going(a, start + draw(&a->gaps), a->number, size - 1.0);
    a->start = next_hourly(a);
    return start;
}

static inline double next_given(Arrivals *a)
{
    if (a->bad || a->next_time == a->count)
        return NEVER;
    double time = a->times[a->next_time++];
    if (!(a->now <= time && time < NEVER)) {
        a->bad = 1;
        return NEVER;
    }
    return a->now = time;
}

static inline double next_arrival(Arrivals *a)
{
    if (a->kind == GIVEN)
        return next_given(a);
    if (a->none)
        return NEVER;
    if (a->kind == SESSIONS)
        return next_of_sessions(a);
    if (a->steady)
        return a->now += a->mean_gap * standard_exponential(&a->words);
    return next_hourly(a);
}

static void read_arrivals(Handed *in, Arrivals *a, double until, const double *times, Py_ssize_t count,
                          const double *services)
{
    a->kind = (int)number(in);
    a->steady = a->none = 1;
    for (int h = 0; h < HOURS; h++) {
        a->per_hour[h] = number(in);
        a->steady &= a->per_hour[h] == a->per_hour[0];
        a->none &= a->per_hour[h] == 0.0;
    }
    a->mean_gap = HOUR_S / a->per_hour[0];
    a->size = number(in);
    a->draws_days = (int)number(in);
    a->factor_count = (Py_ssize_t)number(in);
    a->factors = in->values;
    in->values += a->factor_count;
    read_law(in, &a->sizes, SESSION_SIZE);
    read_law(in, &a->gaps, SESSION_GAP);
    read_law(in, &a->days, DAY);
    a->times = times;
    a->services = services;
    a->count = count;
    a->until = until;
    a->factor = 1.0;
    a->last_day = -1;
    if (a->kind == GIVEN || a->none)
        return;
    seed_words(&a->words, in->seed, ARRIVALS);
    if (a->kind == SESSIONS)
        for (int h = 0; h < HOURS; h++)
            a->per_hour[h] /= a->size;
    a->rate = a->per_hour[0] / HOUR_S * factor_of(a, 0);
    if (a->kind == SESSIONS && a->size > 1.0)
        a->start = next_hourly(a);
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
