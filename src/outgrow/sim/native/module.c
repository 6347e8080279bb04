/* The kernels of outgrow.sim in C: the same semantics, the same operations in the same order, the same bits.

   Each header beside this file plays one or two modules of outgrow.sim, named at its top; they say what is computed and
   why, and names here are theirs. Change both or neither: tests/sim/test_kernel_equality.py holds them together.

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

#include "streams.h"
#include "handed.h"
#include "arrivals.h"
#include "meters.h"
#include "per_request.h"
#include "pool.h"
#include "host.h"

/* ---- the door ---- */

typedef struct {
    Py_buffer numbers, values, times, services;
    unsigned long long seed;
} Asked;

static int take(PyObject *args, Asked *asked, Handed *in)
{
    if (!PyArg_ParseTuple(args, "Ky*y*y*y*", &asked->seed, &asked->numbers, &asked->values, &asked->times,
                          &asked->services))
        return 0;
    *in = (Handed){asked->numbers.buf, asked->values.buf, asked->seed};
    return 1;
}

static void take_arrivals(Asked *asked, Handed *in, Arrivals *arriving, double until)
{
    read_arrivals(in, arriving, until, asked->times.buf, asked->times.len / (Py_ssize_t)sizeof(double),
                  asked->services.len ? asked->services.buf : NULL);
}

static void release(Asked *asked)
{
    PyBuffer_Release(&asked->numbers);
    PyBuffer_Release(&asked->values);
    PyBuffer_Release(&asked->times);
    PyBuffer_Release(&asked->services);
}

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
    Asked asked;
    Handed handed;
    if (!take(args, &asked, &handed))
        return NULL;
    PyObject *out = NULL;
    Meters m = {0};
    int status = NO_MEMORY;
    Instances *in = calloc(1, sizeof *in);
    if (in != NULL) {
        double horizon = number(&handed), warmup = number(&handed);
        in->most = (int)number(&handed);
        read_law(&handed, &in->warm, SERVICE);
        read_law(&handed, &in->cold, COLD_START);
        read_law(&handed, &in->expiry, IDLE_TIMEOUT);
        take_arrivals(&asked, &handed, &in->arriving, horizon);
        PyThreadState *thread = PyEval_SaveThread();
        status = play_instances(in, warmup, horizon, &m, &thread);
        PyEval_RestoreThread(thread);
        free(in->arriving.going);
        free(in);
    }
    if (!failed(status))
        out = PyBytes_FromStringAndSize((const char *)&m, sizeof m);
    release(&asked);
    return out;
}

static PyObject *py_pool(PyObject *module, PyObject *args)
{
    Asked asked;
    Handed handed;
    if (!take(args, &asked, &handed))
        return NULL;
    PyObject *out = NULL;
    int status = NO_MEMORY;
    Run *r = calloc(1, sizeof *r);
    if (r != NULL) {
        read_pool(&handed, r);
        take_arrivals(&asked, &handed, &r->arriving, r->horizon);
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
                            (const char *)&r->wait, (Py_ssize_t)sizeof r->wait,
                            (const char *)&r->response, (Py_ssize_t)sizeof r->response,
                            r->records ? (const char *)r->records : "",
                            (Py_ssize_t)(r->records_count * sizeof(double)));
    if (r != NULL)
        take_down(r);
    release(&asked);
    return out;
}

static PyObject *py_host(PyObject *module, PyObject *args)
{
    Asked asked;
    Handed handed;
    if (!take(args, &asked, &handed))
        return NULL;
    PyObject *out = NULL;
    int status = NO_MEMORY;
    HostRun *h = calloc(1, sizeof *h);
    if (h != NULL) {
        read_host(&handed, h);
        take_arrivals(&asked, &handed, &h->arriving, h->horizon);
        PyThreadState *thread = PyEval_SaveThread();
        status = play_host(h, &thread);
        PyEval_RestoreThread(thread);
    }
    if (!failed(status))
        out = Py_BuildValue("(y#y#y#)", (const char *)&h->meters, (Py_ssize_t)sizeof h->meters,
                            (const char *)&h->wait, (Py_ssize_t)sizeof h->wait, (const char *)&h->response,
                            (Py_ssize_t)sizeof h->response);
    if (h != NULL) {
        free(h->queue);
        free(h->arriving.going);
        free(h);
    }
    release(&asked);
    return out;
}

/* The arrivals before a horizon, as times. */
static PyObject *py_arrivals(PyObject *module, PyObject *args)
{
    Asked asked;
    Handed handed;
    if (!take(args, &asked, &handed))
        return NULL;
    PyObject *out = NULL;
    double *times = NULL;
    size_t count = 0, size = 0;
    int status = 0;
    Arrivals *arriving = calloc(1, sizeof *arriving);
    if (arriving == NULL) {
        status = NO_MEMORY;
    } else {
        double horizon = number(&handed);
        take_arrivals(&asked, &handed, arriving, horizon);
        PyThreadState *thread = PyEval_SaveThread();
        for (;;) {
            double time = next_arrival(arriving);
            if (time >= horizon || arriving->no_memory)
                break;
            if (count == size) {
                size = size ? 2 * size : 1024;
                double *larger = realloc(times, size * sizeof(double));
                if (larger == NULL) {
                    arriving->no_memory = 1;
                    break;
                }
                times = larger;
            }
            times[count++] = time;
            if ((count & (EVENTS_BETWEEN_SIGNALS - 1)) == 0 && !signals_allow(&thread)) {
                status = STOPPED;
                break;
            }
        }
        if (arriving->no_memory)
            status = NO_MEMORY;
        else if (arriving->bad)
            status = BAD_INPUT;
        PyEval_RestoreThread(thread);
        free(arriving->going);
        free(arriving);
    }
    if (!failed(status))
        out = PyBytes_FromStringAndSize(times ? (const char *)times : "", (Py_ssize_t)(count * sizeof(double)));
    free(times);
    release(&asked);
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
    {"host", py_host, METH_VARARGS, "Plays a host with CPU credits; outgrow.sim.compiled calls it."},
    {"arrivals", py_arrivals, METH_VARARGS, "Draws arrivals; outgrow.sim.compiled calls it."},
    {"draws", py_draws, METH_VARARGS, "Draws from a law; outgrow.sim.compiled calls it."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "The kernels of outgrow.sim, compiled.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    build_tables();
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddIntConstant(module, "ORDER", HANDED_ORDER) < 0)
        Py_CLEAR(module);
    return module;
}
