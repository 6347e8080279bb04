/* What Python hands over: one array of numbers, read in the order in which packing.py writes them. */

/* Counts changes of that order and of what is played, as packing.ORDER does: a kernel of another count is not used. */
enum { HANDED_ORDER = 2 };

typedef struct {
    const double *at;
    const double *values;
    uint64_t seed;
} Handed;

static inline double number(Handed *in) { return *in->at++; }

static void read_law(Handed *in, Law *law, int purpose)
{
    law->kind = (int)number(in);
    law->a = number(in);
    law->b = number(in);
    law->count = (Py_ssize_t)number(in);
    law->values = in->values;
    in->values += law->count;
    if (law->kind != FIXED) /* a fixed law draws nothing, and seeding costs time that short runs notice */
        seed_words(&law->words, in->seed, purpose);
}

/* Uniform numbers for choices; seeded only where a choice can be made. */
static void read_choice(Handed *in, Law *law, int purpose, int used)
{
    law->kind = UNIFORM;
    if (used)
        seed_words(&law->words, in->seed, purpose);
}
