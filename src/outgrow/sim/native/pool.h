/* A pool of workers, event by event: seconds and requests. Rules, ties and endings are those of kernel.py, workers.py
   and callers.py, to equal bits. */

enum { OFF, STARTING, IDLE, BUSY, LEAVING };
enum { QUEUE_DELAY, REQUEST_COUNT, EACH_WAIT, FITTED, FLOOR_ONLY };
enum { COMPLETED, REJECTED, TIMED_OUT, ABANDONED, FAILED };
enum { RECORD_FIELDS = 7 };

typedef struct {
    double arrived, service, patient_until, asked, pause, leaves, began;
    int attempt, leaves_as, fails, orphan, taken;
} Request;

/* A request that will be asked again. */
typedef struct {
    double at;
    int64_t number;
    Request request;
} Again;

typedef struct {
    double since, started_at, ready_at, stopped_at;
    int state, running;
} Worker;

typedef struct {
    double horizon, warmup, timeout, warm_share, warm_fade, failure_share, scaler_value;
    double tokens_per_s, burst, pause, pause_factor, jitter, life_mean, notice;
    double reduced_after, off_after, raised_after;
    int max_workers, count, used, slots, scaler, has_patience, timeout_drops, leaves_in_order, record;
    int limits_rate, attempts, interrupts, has_quiet, reduced_to;
    double queue_limit;
    int active[HOURS];
    Law service, cold, warm, idle, patience, flash, failure, jitters, lives;
    Arrivals arriving;

    double now, up_since, window_at, arrival_at, leave_at, raise_at, last_start, last_asked, tokens, tokens_at;
    int64_t hour, in_service, places, asked_again;
    int floor, up, starting, leaving, limit, no_memory;
    Worker *workers;
    double *due, *lost_at;
    double *done;     /* slots a worker: when each of its requests is done, the first `running` of them */
    Request *held;
    Request *queue;   /* a ring: its size is a power of two */
    size_t queue_size, head, queued;
    Again *again;     /* a heap */
    size_t again_count, again_size;
    double *records;
    size_t records_count, records_size;
    Meters meters;
    Histogram wait, response;
} Run;

static inline Request *waiting(Run *r, size_t k) { return &r->queue[(r->head + k) & (r->queue_size - 1)]; }

/* Seconds from since to now that count. */
static inline double spent(const Run *r, double since)
{
    if (!(r->now > r->warmup))
        return 0.0;
    return r->now - (since > r->warmup ? since : r->warmup);
}

/* -- callers.py -- */

static void keep_record(Run *r, const Request *q, int ending, double at, int w, int met_start)
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
    to[2] = at;
    to[3] = ending;
    to[4] = w;
    to[5] = met_start;
    to[6] = q->attempt;
    r->records_count += RECORD_FIELDS;
}

static inline void end_request(Run *r, const Request *q, int ending, double at, int w, int met_start)
{
    if (q->arrived < r->warmup)
        return;
    (&r->meters.completed)[ending]++;
    r->meters.delayed += met_start;
    if (ending == COMPLETED) {
        double response_s = at - q->arrived;
        count_time(&r->response, response_s);
        r->meters.response_s += response_s;
    }
    if (r->record)
        keep_record(r, q, ending, at, w, met_start);
}

static inline int asked_before(const Again *x, const Again *y)
{
    return x->at < y->at || (x->at == y->at && x->number < y->number);
}

static void push_again(Run *r, const Again *new)
{
    if (r->again_count == r->again_size) {
        size_t size = r->again_size ? 2 * r->again_size : 64;
        Again *larger = realloc(r->again, size * sizeof(Again));
        if (larger == NULL) {
            r->no_memory = 1;
            return;
        }
        r->again = larger;
        r->again_size = size;
    }
    size_t k = r->again_count++;
    for (; k > 0 && asked_before(new, &r->again[(k - 1) / 2]); k = (k - 1) / 2)
        r->again[k] = r->again[(k - 1) / 2];
    r->again[k] = *new;
}

static Request pop_again(Run *r)
{
    Request first = r->again[0].request;
    Again last = r->again[--r->again_count];
    size_t k = 0, n = r->again_count;
    for (size_t child = 1; child < n; child = 2 * k + 1) {
        if (child + 1 < n && asked_before(&r->again[child + 1], &r->again[child]))
            child++;
        if (!asked_before(&r->again[child], &last))
            break;
        r->again[k] = r->again[child];
        k = child;
    }
    r->again[k] = last;
    return first;
}

static int asks_again(Run *r, const Request *q, double now)
{
    if (q->attempt >= r->attempts)
        return 0;
    double pause = q->pause;
    if (r->jitter > 0)
        pause *= 1.0 + r->jitter * (2.0 * draw(&r->jitters) - 1.0);
    double at = now + pause;
    if (at >= q->patient_until)
        return 0;
    Again later = {.at = at, .number = ++r->asked_again};
    later.request = (Request){.arrived = q->arrived, .service = q->service, .patient_until = q->patient_until,
                              .asked = at, .pause = q->pause * r->pause_factor, .leaves = NEVER, .began = -1.0,
                              .attempt = q->attempt + 1, .leaves_as = ABANDONED, .taken = q->taken};
    push_again(r, &later);
    return 1;
}

static void ask_again_or_end(Run *r, const Request *q, int ending, double now, int w, int met_start)
{
    if (ending == ABANDONED || !asks_again(r, q, now))
        end_request(r, q, ending, now, w, met_start);
}

/* Sets how long this attempt is waited for, and whether it fails. */
static inline void ask(Run *r, Request *q)
{
    q->leaves = q->patient_until;
    q->leaves_as = ABANDONED;
    double deadline = q->asked + r->timeout;
    if (deadline <= q->leaves) {
        q->leaves = deadline;
        q->leaves_as = TIMED_OUT;
    }
    q->fails = r->failure_share > 0 && draw(&r->failure) < r->failure_share;
    r->meters.attempts += q->arrived >= r->warmup;
}

static int let_in(Run *r)
{
    if (!r->limits_rate)
        return 1;
    double tokens = r->tokens + (r->now - r->tokens_at) * r->tokens_per_s;
    r->tokens = tokens < r->burst ? tokens : r->burst;
    r->tokens_at = r->now;
    if (r->tokens < 1.0)
        return 0;
    r->tokens -= 1.0;
    return 1;
}

static int grow_queue(Run *r)
{
    Request *larger = malloc(2 * r->queue_size * sizeof(Request));
    if (larger == NULL) {
        r->no_memory = 1;
        return 0;
    }
    for (size_t k = 0; k < r->queued; k++)
        larger[k] = *waiting(r, k);
    free(r->queue);
    r->queue = larger;
    r->queue_size *= 2;
    r->head = 0;
    return 1;
}

static void join_queue(Run *r, const Request *q)
{
    if (r->queued == r->queue_size && !grow_queue(r))
        return;
    *waiting(r, r->queued++) = *q;
    if (q->leaves < r->leave_at)
        r->leave_at = q->leaves;
}

static void next_leave(Run *r)
{
    double first = NEVER;
    for (size_t k = 0; k < r->queued; k++) {
        double leaves = waiting(r, k)->leaves;
        if (leaves < first)
            first = leaves;
        if (r->leaves_in_order && first < NEVER)
            break;
    }
    r->leave_at = first;
}

static Request take_first(Run *r)
{
    Request q = *waiting(r, 0);
    r->head++;
    r->queued--;
    if (q.leaves == r->leave_at && q.leaves < NEVER)
        next_leave(r);
    return q;
}

static void leave_event(Run *r)
{
    size_t k = 0;
    while (waiting(r, k)->leaves != r->leave_at)
        k++;
    Request q = *waiting(r, k);
    if (q.leaves_as == TIMED_OUT && !r->timeout_drops) {
        waiting(r, k)->orphan = 1;
        waiting(r, k)->leaves = NEVER;
    } else {
        for (; k > 0; k--) /* what stood before it moves up, so that the order stays */
            *waiting(r, k) = *waiting(r, k - 1);
        r->head++;
        r->queued--;
    }
    next_leave(r);
    ask_again_or_end(r, &q, q.leaves_as, r->now, -1, 0);
}

static inline void taken_up(Run *r, Request *q)
{
    q->began = r->now;
    if (q->orphan)
        return;
    if (q->arrived >= r->warmup && !q->taken) {
        double wait_s = r->now - q->arrived;
        count_time(&r->wait, wait_s);
        r->meters.wait_s += wait_s;
        r->meters.waited += wait_s > 0;
    }
    q->taken = 1;
    double deadline = q->asked + r->timeout;
    q->orphan = r->now + q->service > deadline && asks_again(r, q, deadline);
}

static inline void served(Run *r, const Request *q, int w, int met_start)
{
    double deadline = q->asked + r->timeout;
    r->meters.served += q->arrived >= r->warmup;
    if (q->orphan || r->now > deadline || q->fails)
        r->meters.wasted_s += q->arrived >= r->warmup ? q->service : 0.0;
    if (q->orphan)
        return;
    if (r->now > deadline)
        end_request(r, q, TIMED_OUT, deadline, w, met_start);
    else if (q->fails)
        ask_again_or_end(r, q, FAILED, r->now, w, met_start);
    else
        end_request(r, q, COMPLETED, r->now, w, met_start);
}

/* -- workers.py -- */

static void change_up(Run *r, int change)
{
    double seconds = spent(r, r->up_since);
    r->meters.active_s += seconds * (r->up < r->floor ? r->up : r->floor);
    r->meters.flex_s += seconds * (r->up > r->floor ? r->up - r->floor : 0);
    r->up_since = r->now;
    r->up += change;
}

static inline int has_room(const Run *r) { return r->up - r->leaving < r->limit && r->up < r->count; }

/* Does an idle worker stay, because the floor asks for it or the scaler would start it again at once? */
static inline int stays(const Run *r)
{
    if (r->up - r->starting - r->leaving <= r->floor)
        return 1;
    return r->scaler == REQUEST_COUNT && (r->up - r->leaving - 1) * r->scaler_value < (double)r->in_service;
}

static inline int free_worker(const Run *r)
{
    int w = 0;
    while (r->workers[w].state < IDLE || r->workers[w].state > BUSY || r->workers[w].running == r->slots)
        w++;
    return w;
}

static inline void begin(Run *r, int w, const Request *q)
{
    Worker *worker = &r->workers[w];
    size_t place = (size_t)w * r->slots + worker->running++;
    r->done[place] = r->now + q->service;
    r->held[place] = *q;
    r->in_service++;
    r->places--;
    if (worker->state == IDLE) {
        r->meters.idle_s += spent(r, worker->since);
        worker->state = BUSY;
        worker->since = r->now;
    }
}

static inline double first_done(const Run *r, int w)
{
    const double *done = r->done + (size_t)w * r->slots;
    double first = done[0];
    for (int k = 1; k < r->workers[w].running; k++)
        if (done[k] < first)
            first = done[k];
    return first;
}

static inline Request complete(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    double *done = r->done + (size_t)w * r->slots;
    Request *held = r->held + (size_t)w * r->slots;
    int place = 0;
    while (done[place] != r->now)
        place++;
    Request q = held[place];
    int last = --worker->running;
    if (place < last) {
        done[place] = done[last];
        held[place] = held[last];
    }
    if (worker->state != LEAVING) {
        r->in_service--;
        r->places++;
    }
    return q;
}

static void hold_floor(Run *r);

static void turn_off(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    if (r->now > r->warmup) {
        double lived_s = r->now - worker->started_at - ROUNDING_S;
        r->meters.stretches++;
        r->meters.second_slack_s += ceil(lived_s) - lived_s - ROUNDING_S;
        r->meters.block_slack_s += ceil(lived_s / BLOCK_S) * BLOCK_S - lived_s - ROUNDING_S;
    }
    worker->state = OFF;
    r->due[w] = r->lost_at[w] = NEVER;
    change_up(r, -1);
}

static void worker_gone(Run *r, int w)
{
    r->meters.busy_s += spent(r, r->workers[w].since);
    r->leaving--;
    turn_off(r, w);
    hold_floor(r);
}

static inline void settle(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    if (worker->running) {
        r->due[w] = first_done(r, w);
        return;
    }
    if (worker->state == LEAVING) {
        worker_gone(r, w);
        return;
    }
    if (worker->state == BUSY) {
        r->meters.busy_s += spent(r, worker->since);
        worker->state = IDLE;
        worker->since = r->now;
    }
    r->due[w] = stays(r) ? NEVER : r->now + draw(&r->idle);
}

static inline void fill(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    while (r->queued && worker->state != LEAVING && worker->running < r->slots) {
        Request q = take_first(r);
        taken_up(r, &q);
        begin(r, w, &q);
    }
    settle(r, w);
}

static void start_worker(Run *r)
{
    int w = -1, warm = 0;
    for (int k = 0; k < r->used; k++)
        if (r->workers[k].state == OFF && (w < 0 || r->workers[k].stopped_at > r->workers[w].stopped_at))
            w = k;
    if (w < 0)
        w = r->used++;
    Worker *worker = &r->workers[w];
    if (r->warm_share > 0) {
        double fresh = draw(&r->flash);
        if (worker->stopped_at > -NEVER)
            warm = fresh < r->warm_share * exp(-(r->now - worker->stopped_at) / r->warm_fade);
    }
    r->due[w] = r->now + draw(warm ? &r->warm : &r->cold);
    worker->state = STARTING;
    worker->since = worker->started_at = r->now;
    if (r->interrupts)
        r->lost_at[w] = r->now + draw(&r->lives);
    r->starting++;
    change_up(r, 1);
    if (r->now >= r->warmup) {
        r->meters.warm_starts += warm;
        r->meters.cold_starts += !warm;
    }
}

static void hold_floor(Run *r)
{
    while (r->up - r->leaving < r->floor && r->up < r->count)
        start_worker(r);
}

static void let_go(Run *r)
{
    if (!stays(r))
        for (int w = 0; w < r->used; w++)
            if (r->workers[w].state == IDLE && r->due[w] == NEVER)
                r->due[w] = r->now + draw(&r->idle);
}

static void cancel_surplus(Run *r)
{
    while (r->starting && r->up > r->floor && (size_t)(r->starting - 1) * (size_t)r->slots >= r->queued) {
        int w = -1;
        for (int k = 0; k < r->used; k++)
            if (r->workers[k].state == STARTING && (w < 0 || r->workers[k].since >= r->workers[w].since))
                w = k;
        r->meters.cold_s += spent(r, r->workers[w].since);
        r->meters.cancelled_starts += r->now >= r->warmup;
        r->starting--;
        turn_off(r, w);
    }
}

/* What a lost worker had begun goes to the head of the queue, in the order asked, unless nobody waits for it. */
static void put_back(Run *r, Request *thrown, int count)
{
    for (; count > 0; count--) {
        int latest = 0;
        for (int k = 1; k < count; k++)
            if (thrown[k].asked > thrown[latest].asked)
                latest = k;
        Request q = thrown[latest];
        memmove(thrown + latest, thrown + latest + 1, (size_t)(count - 1 - latest) * sizeof(Request));
        if (q.orphan)
            continue;
        r->meters.interrupted += q.arrived >= r->warmup;
        q.began = -1.0;
        if (q.leaves <= r->now) {
            end_request(r, &q, q.leaves_as, q.leaves, -1, 0);
            continue;
        }
        if (r->queued == r->queue_size && !grow_queue(r))
            return;
        r->head--;
        r->queued++;
        *waiting(r, 0) = q;
        if (q.leaves < r->leave_at)
            r->leave_at = q.leaves;
    }
}

static void lose_event(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    if (worker->state == LEAVING) {
        int count = worker->running;
        worker->running = 0;
        worker_gone(r, w);
        put_back(r, r->held + (size_t)w * r->slots, count);
    } else {
        r->meters.lost_workers += r->now >= r->warmup;
        double seconds = spent(r, worker->since);
        if (worker->state == STARTING) {
            r->meters.cold_s += seconds;
            r->starting--;
            turn_off(r, w);
        } else if (worker->state == IDLE) {
            r->meters.idle_s += seconds;
            r->places -= r->slots;
            turn_off(r, w);
        } else {
            r->meters.busy_s += seconds;
            r->places -= r->slots - worker->running;
            r->in_service -= worker->running;
            worker->state = LEAVING;
            worker->since = r->now;
            r->lost_at[w] = r->now + r->notice;
            r->leaving++;
        }
        worker->stopped_at = -NEVER;
        hold_floor(r);
    }
    while (r->queued && r->places)
        fill(r, free_worker(r));
}

static inline void worker_event(Run *r, int w)
{
    Worker *worker = &r->workers[w];
    if (worker->state >= BUSY) {
        Request q = complete(r, w);
        served(r, &q, w, worker->ready_at >= q.arrived);
        fill(r, w);
        if (r->scaler == REQUEST_COUNT)
            let_go(r);
    } else if (worker->state == STARTING) {
        r->meters.cold_s += spent(r, worker->since);
        r->starting--;
        worker->state = IDLE;
        worker->since = worker->ready_at = r->now;
        r->places += r->slots;
        fill(r, w);
    } else if (stays(r)) {
        r->due[w] = NEVER;
    } else {
        r->meters.idle_s += spent(r, worker->since);
        r->places -= r->slots;
        turn_off(r, w);
        worker->stopped_at = r->now;
    }
}

/* -- kernel.py -- */

static void window_event(Run *r)
{
    r->hour++;
    r->window_at = (double)(r->hour + 1) * HOUR_S;
    change_up(r, 0);
    r->floor = r->active[r->hour % HOURS];
    hold_floor(r);
    let_go(r);
}

static void after_quiet(Run *r)
{
    double gap_s = r->now - r->last_asked;
    r->last_asked = r->now;
    if (!r->has_quiet || gap_s < r->reduced_after)
        return;
    int limit = gap_s >= r->off_after ? 0 : r->reduced_to;
    if (limit < r->limit) {
        r->limit = limit;
        r->raise_at = r->now + r->raised_after;
        r->meters.switched_off += r->now >= r->warmup;
    }
}

static inline void enter(Run *r, Request *q)
{
    after_quiet(r);
    if (!let_in(r)) {
        ask_again_or_end(r, q, REJECTED, r->now, -1, 0);
    } else if (r->places) {
        int w = free_worker(r);
        taken_up(r, q);
        begin(r, w, q);
        settle(r, w);
    } else if (r->queue_limit >= 0 && (double)r->queued >= r->queue_limit) {
        ask_again_or_end(r, q, REJECTED, r->now, -1, 0);
    } else {
        join_queue(r, q);
        if (r->scaler == EACH_WAIT && has_room(r))
            start_worker(r);
    }
}

static inline void arrive_event(Run *r)
{
    Request q = {.arrived = r->now, .patient_until = NEVER, .asked = r->now, .pause = r->pause, .leaves = NEVER,
                 .began = -1.0, .attempt = 1, .leaves_as = ABANDONED};
    if (r->has_patience)
        q.patient_until = r->now + draw(&r->patience);
    q.service = next_service(&r->arriving, &r->service);
    r->meters.arrivals += q.arrived >= r->warmup;
    ask(r, &q);
    r->arrival_at = next_arrival(&r->arriving);
    enter(r, &q);
}

static void again_event(Run *r)
{
    Request q = pop_again(r);
    ask(r, &q);
    enter(r, &q);
}

static inline double look_at(Run *r)
{
    if (!has_room(r))
        return NEVER;
    int is_short = (size_t)r->starting * (size_t)r->slots < r->queued;
    if (r->scaler == QUEUE_DELAY && is_short) {
        if (r->up == r->leaving)
            return r->now;
        double head = waiting(r, 0)->asked;
        double at = (head > r->last_start ? head : r->last_start) + r->scaler_value;
        return at > r->now ? at : r->now;
    }
    if (r->scaler == REQUEST_COUNT &&
        (r->up - r->leaving) * r->scaler_value < (double)r->queued + (double)r->in_service)
        return r->now;
    if (r->scaler == FITTED && is_short && r->starting < r->scaler_value)
        return r->now;
    return NEVER;
}

/* The lowest-numbered of the workers that are due first. Four minima side by side: one alone waits for itself. */
static inline int first_due(const double *due, int count)
{
    int w = 0;
    if (count <= 8) {
        for (int k = 1; k < count; k++)
            if (due[k] < due[w])
                w = k;
        return w;
    }
    double a = due[0], b = due[1], c = due[2], d = due[3];
    int k = 4;
    for (; k + 4 <= count; k += 4) {
        a = due[k] < a ? due[k] : a;
        b = due[k + 1] < b ? due[k + 1] : b;
        c = due[k + 2] < c ? due[k + 2] : c;
        d = due[k + 3] < d ? due[k + 3] : d;
    }
    for (; k < count; k++)
        a = due[k] < a ? due[k] : a;
    b = b < a ? b : a;
    d = d < c ? d : c;
    double first = d < b ? d : b;
    while (due[w] != first)
        w++;
    return w;
}

enum { WORKER_EVENT, LOSE_EVENT, WINDOW_EVENT, RAISE_EVENT, LEAVE_EVENT, ARRIVE_EVENT, AGAIN_EVENT, LOOK_EVENT };

static int play(Run *r, PyThreadState **thread)
{
    for (uint32_t events = 1;; events++) {
        int w = first_due(r->due, r->used), what = WORKER_EVENT;
        double at = r->due[w];
        if (r->interrupts)
            for (int k = 0; k < r->used; k++)
                if (r->lost_at[k] < at)
                    at = r->lost_at[w = k], what = LOSE_EVENT;
        if (r->window_at < at)
            at = r->window_at, what = WINDOW_EVENT;
        if (r->raise_at < at)
            at = r->raise_at, what = RAISE_EVENT;
        if (r->leave_at < at)
            at = r->leave_at, what = LEAVE_EVENT;
        if (r->arrival_at < at)
            at = r->arrival_at, what = ARRIVE_EVENT;
        if (r->again_count && r->again[0].at < at)
            at = r->again[0].at, what = AGAIN_EVENT;
        double look = look_at(r);
        if (look < at)
            at = look, what = LOOK_EVENT;
        if (at >= r->horizon)
            return r->arriving.bad ? BAD_INPUT : 0;
        r->now = at;
        switch (what) {
        case WORKER_EVENT: worker_event(r, w); break;
        case LOSE_EVENT: lose_event(r, w); break;
        case WINDOW_EVENT: window_event(r); break;
        case RAISE_EVENT: r->raise_at = NEVER; r->limit = r->max_workers; break;
        case LEAVE_EVENT: leave_event(r); break;
        case ARRIVE_EVENT: arrive_event(r); break;
        case AGAIN_EVENT: again_event(r); break;
        default: start_worker(r); r->last_start = r->now;
        }
        if (r->scaler == FITTED)
            cancel_surplus(r);
        if ((events & (EVENTS_BETWEEN_SIGNALS - 1)) == 0 && !signals_allow(thread))
            return STOPPED;
        if (r->arriving.bad)
            return BAD_INPUT;
        if (r->no_memory || r->arriving.no_memory)
            return NO_MEMORY;
    }
}

static void finish(Run *r)
{
    r->now = r->horizon;
    change_up(r, 0);
    for (int w = 0; w < r->count; w++) {
        Worker *worker = &r->workers[w];
        if (worker->state == STARTING)
            r->meters.cold_s += spent(r, worker->since);
        else if (worker->state == IDLE)
            r->meters.idle_s += spent(r, worker->since);
        else if (worker->state >= BUSY)
            r->meters.busy_s += spent(r, worker->since);
        for (int k = 0; k < worker->running; k++) {
            const Request *q = &r->held[(size_t)w * r->slots + k];
            r->meters.unfinished += q->arrived >= r->warmup && !q->orphan;
        }
    }
    for (size_t k = 0; k < r->queued; k++)
        r->meters.unfinished += waiting(r, k)->arrived >= r->warmup && !waiting(r, k)->orphan;
    for (size_t k = 0; k < r->again_count; k++)
        r->meters.unfinished += r->again[k].request.arrived >= r->warmup;
}

static int set_up(Run *r)
{
    /* one worker at least, never up, so that the search for the next event has where to begin */
    r->count = r->max_workers * (r->interrupts ? 2 : 1);
    size_t workers = r->count ? (size_t)r->count : 1, places = workers * (size_t)r->slots;
    r->queue_size = 64;
    r->workers = malloc(workers * sizeof(Worker));
    r->due = malloc(workers * sizeof(double));
    r->lost_at = malloc(workers * sizeof(double));
    r->done = malloc(places * sizeof(double));
    r->held = malloc(places * sizeof(Request));
    r->queue = malloc(r->queue_size * sizeof(Request));
    if (!r->workers || !r->due || !r->lost_at || !r->done || !r->held || !r->queue)
        return NO_MEMORY;
    int varies = 0;
    for (int h = 1; h < HOURS; h++)
        varies |= r->active[h] != r->active[0];
    r->window_at = varies ? HOUR_S : NEVER;
    r->floor = r->up = r->active[0];
    r->used = r->floor ? r->floor : 1; /* those from here on never ran: nothing can be due of them */
    r->limit = r->max_workers;
    r->places = (int64_t)r->floor * r->slots;
    r->leave_at = r->raise_at = NEVER;
    r->last_start = -NEVER;
    r->tokens = r->burst;
    for (size_t w = 0; w < workers; w++) {
        int up = (int)w < r->floor;
        r->workers[w] = (Worker){.ready_at = -1.0, .stopped_at = -NEVER, .state = up ? IDLE : OFF};
        r->due[w] = NEVER;
        r->lost_at[w] = up && r->interrupts ? draw(&r->lives) : NEVER;
    }
    r->arrival_at = next_arrival(&r->arriving);
    return r->arriving.bad ? BAD_INPUT : 0;
}

static void take_down(Run *r)
{
    free(r->workers);
    free(r->due);
    free(r->lost_at);
    free(r->done);
    free(r->held);
    free(r->queue);
    free(r->again);
    free(r->arriving.going);
    free(r->records);
    free(r);
}

static void read_pool(Handed *in, Run *r)
{
    r->horizon = number(in);
    r->warmup = number(in);
    r->record = (int)number(in);
    r->max_workers = (int)number(in);
    r->slots = (int)number(in);
    r->scaler = (int)number(in);
    r->scaler_value = number(in);
    r->queue_limit = number(in);
    r->warm_share = number(in);
    r->warm_fade = number(in);
    r->timeout = number(in);
    r->timeout_drops = (int)number(in);
    r->failure_share = number(in);
    r->has_patience = (int)number(in);
    r->limits_rate = (int)number(in);
    r->tokens_per_s = number(in);
    r->burst = number(in);
    r->attempts = (int)number(in);
    r->pause = number(in);
    r->pause_factor = number(in);
    r->jitter = number(in);
    r->interrupts = (int)number(in);
    r->notice = number(in);
    r->has_quiet = (int)number(in);
    r->reduced_after = number(in);
    r->reduced_to = (int)number(in);
    r->off_after = number(in);
    r->raised_after = number(in);
    for (int h = 0; h < HOURS; h++)
        r->active[h] = (int)number(in);
    read_law(in, &r->service, SERVICE);
    read_law(in, &r->cold, COLD_START);
    read_law(in, &r->warm, WARM_START);
    read_law(in, &r->idle, IDLE_TIMEOUT);
    read_law(in, &r->patience, PATIENCE);
    read_law(in, &r->lives, INTERRUPTION);
    read_choice(in, &r->flash, FLASH, r->warm_share > 0);
    read_choice(in, &r->failure, FAILURE, r->failure_share > 0);
    read_choice(in, &r->jitters, RETRY, r->attempts > 1 && r->jitter > 0);
    /* all callers leave after the same time, and nobody comes back or is put back before another */
    r->leaves_in_order = !r->interrupts && (!r->has_patience || (r->patience.kind == FIXED && r->attempts <= 1));
}
