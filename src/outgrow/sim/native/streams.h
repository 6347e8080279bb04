/* Random numbers as streams.py: xoshiro256++ in lanes, seeded by splitmix64; ziggurats of ziggurat.py. */

enum { LANES = 64, LAYERS = 256 };
enum {
    ARRIVALS, SERVICE, COLD_START, FLASH, IDLE_TIMEOUT, PATIENCE, FAILURE, WARM_START, DAY, SESSION_SIZE, SESSION_GAP,
    RETRY, INTERRUPTION
};
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

/* The same code for wider vectors where the processor has them: chosen once, when the module is loaded. Only moves,
   shifts, products and comparisons are in it, so the bits are the same. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#define WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDEST
#endif

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
WIDEST static void refill(Words *w)
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

/* What first words make of a block, and how many of them do not decide. */
WIDEST static int64_t first_exponentials(const uint64_t *restrict word, double *restrict x)
{
    int64_t open = 0;
    for (int k = 0; k < LANES; k++) {
        uint64_t layer = word[k] & 0xFF;
        x[k] = fraction(word[k]) * exponential_edges[layer];
        open += !(x[k] < exponential_edges[layer + 1]);
    }
    return open;
}

WIDEST static int64_t first_normals(const uint64_t *restrict word, double *restrict x)
{
    int64_t open = 0;
    for (int k = 0; k < LANES; k++) {
        uint64_t layer = word[k] & 0xFF;
        x[k] = (2.0 * fraction(word[k]) - 1.0) * normal_edges[layer];
        open += !(fabs(x[k]) < normal_edges[layer + 1]);
    }
    return open;
}

/* A block of draws at once. What the first word does not decide is rare but random: counting it and coming back keeps a
   mispredicted branch out of every block but the few that need it. Words of the side generator go out in the same order. */
static void refill_exponentials(Words *w)
{
    refill(w);
    int64_t open = first_exponentials(w->word, w->standard);
    for (int k = 0; open > 0; k++) {
        uint64_t word = w->word[k];
        int layer = (int)(word & 0xFF);
        if (w->standard[k] < exponential_edges[layer + 1])
            continue;
        w->standard[k] = exponential_rest(w, fraction(word), layer);
        open--;
    }
}

static void refill_normals(Words *w)
{
    refill(w);
    int64_t open = first_normals(w->word, w->standard);
    for (int k = 0; open > 0; k++) {
        uint64_t word = w->word[k];
        int layer = (int)(word & 0xFF);
        if (fabs(w->standard[k]) < normal_edges[layer + 1])
            continue;
        w->standard[k] = normal_rest(w, fraction(word), layer);
        open--;
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

