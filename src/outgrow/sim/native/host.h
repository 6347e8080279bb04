/* A host with CPU credits: vCPU-seconds. Rules of host.py, to equal bits; at most 512 vCPUs, as model.py has it. */

typedef struct {
    double arrived, work;
} Waiting;

typedef struct {
    double horizon, warmup, system, earned, most, balance, surplus, now, done;
    int vcpu, burstable, unlimited, busy, no_memory;
    double ends[512], arrived[512];
    Waiting *queue; /* a ring: its size is a power of two */
    size_t queue_size, head, queued;
    Law work;
    Arrivals arriving;
    Meters meters;
    Histogram wait, response;
} HostRun;

static inline double host_busy(const HostRun *h) { return h->busy + h->system; }

static double host_speed(const HostRun *h)
{
    double busy = host_busy(h);
    if (!h->burstable || h->unlimited || h->balance > 0 || busy <= h->earned)
        return 1.0;
    return h->earned / busy;
}

static double empty_at(const HostRun *h)
{
    double net = host_busy(h) - h->earned;
    if (!h->burstable || h->unlimited || h->balance <= 0 || net <= 0)
        return NEVER;
    return h->now + h->balance / net;
}

static void settle_credit(HostRun *h, double credit, int counts)
{
    if (credit >= 0) {
        double paid = credit < h->surplus ? credit : h->surplus;
        h->surplus -= paid;
        double balance = h->balance + (credit - paid);
        h->balance = balance < h->most ? balance : h->most;
        return;
    }
    double spent_s = -credit, taken = spent_s < h->balance ? spent_s : h->balance;
    h->balance -= taken;
    if (!h->unlimited)
        return;
    h->surplus += spent_s - taken;
    if (h->surplus > h->most) {
        if (counts)
            h->meters.surplus_s += h->surplus - h->most;
        h->surplus = h->most;
    }
}

static void advance(HostRun *h, double at, double speed)
{
    double passed = at - h->now, from = h->now > h->warmup ? h->now : h->warmup;
    double counted = at - from > 0.0 ? at - from : 0.0;
    h->done += passed * speed;
    h->meters.busy_s += counted * h->busy * speed;
    h->meters.idle_s += counted * (h->vcpu - h->busy * speed);
    if (speed < 1.0)
        h->meters.throttled_s += counted;
    else if (h->burstable)
        settle_credit(h, passed * (h->earned - host_busy(h)), counted > 0);
    h->now = at;
}

static void host_begin(HostRun *h, double arrived, double work)
{
    h->ends[h->busy] = h->done + work;
    h->arrived[h->busy++] = arrived;
    if (arrived >= h->warmup) {
        double wait_s = h->now - arrived;
        count_time(&h->wait, wait_s);
        h->meters.wait_s += wait_s;
        h->meters.waited += wait_s > 0;
    }
}

static void host_complete(HostRun *h, int place)
{
    h->done = h->ends[place];
    double arrived = h->arrived[place];
    h->busy--;
    h->ends[place] = h->ends[h->busy];
    h->arrived[place] = h->arrived[h->busy];
    if (arrived >= h->warmup) {
        double response_s = h->now - arrived;
        h->meters.completed++;
        h->meters.response_s += response_s;
        count_time(&h->response, response_s);
    }
    if (h->queued) {
        Waiting first = h->queue[h->head++ & (h->queue_size - 1)];
        h->queued--;
        host_begin(h, first.arrived, first.work);
    }
}

static void host_arrive(HostRun *h, double work)
{
    h->meters.arrivals += h->now >= h->warmup;
    if (h->busy < h->vcpu) {
        host_begin(h, h->now, work);
        return;
    }
    if (h->queued == h->queue_size) {
        Waiting *larger = malloc(2 * h->queue_size * sizeof(Waiting));
        if (larger == NULL) {
            h->no_memory = 1;
            return;
        }
        for (size_t k = 0; k < h->queued; k++)
            larger[k] = h->queue[(h->head + k) & (h->queue_size - 1)];
        free(h->queue);
        h->queue = larger;
        h->queue_size *= 2;
        h->head = 0;
    }
    h->queue[(h->head + h->queued++) & (h->queue_size - 1)] = (Waiting){.arrived = h->now, .work = work};
}

static void host_unfinished(HostRun *h)
{
    for (int k = 0; k < h->busy; k++)
        h->meters.unfinished += h->arrived[k] >= h->warmup;
    for (size_t k = 0; k < h->queued; k++)
        h->meters.unfinished += h->queue[(h->head + k) & (h->queue_size - 1)].arrived >= h->warmup;
    h->meters.attempts = h->meters.arrivals;
}

static int play_host(HostRun *h, PyThreadState **thread)
{
    h->queue_size = 64;
    h->queue = malloc(h->queue_size * sizeof(Waiting));
    if (h->queue == NULL)
        return NO_MEMORY;
    double arrival_at = next_arrival(&h->arriving);
    for (uint32_t events = 1;; events++) {
        double speed = host_speed(h), at = NEVER;
        int place = 0, what = 0;
        for (int k = 1; k < h->busy; k++)
            if (h->ends[k] < h->ends[place])
                place = k;
        if (h->busy) {
            double left = h->ends[place] - h->done;
            at = h->now + (left > 0.0 ? left : 0.0) / speed;
        }
        double empty = empty_at(h);
        if (empty < at)
            at = empty, what = 1;
        if (arrival_at < at)
            at = arrival_at, what = 2;
        if (at >= h->horizon) {
            advance(h, h->horizon, speed);
            host_unfinished(h);
            return h->arriving.bad ? BAD_INPUT : 0;
        }
        advance(h, at, speed);
        if (what == 0) {
            host_complete(h, place);
        } else if (what == 1) {
            h->balance = 0.0;
        } else {
            host_arrive(h, next_service(&h->arriving, &h->work));
            arrival_at = next_arrival(&h->arriving);
        }
        if ((events & (EVENTS_BETWEEN_SIGNALS - 1)) == 0 && !signals_allow(thread))
            return STOPPED;
        if (h->arriving.bad)
            return BAD_INPUT;
        if (h->no_memory || h->arriving.no_memory)
            return NO_MEMORY;
    }
}

static void read_host(Handed *in, HostRun *h)
{
    h->horizon = number(in);
    h->warmup = number(in);
    h->vcpu = (int)number(in);
    h->burstable = (int)number(in);
    h->earned = number(in);
    h->unlimited = (int)number(in);
    h->balance = number(in);
    h->system = number(in);
    read_law(in, &h->work, SERVICE);
    h->most = h->earned * DAY_S;
    if (h->balance > h->most)
        h->balance = h->most;
}
