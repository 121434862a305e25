/* A loop whose rounds are shared among the threads that XLA computes with. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef void Round(const void* data, int index);

typedef struct {
  atomic_int next, done, holders;
  int rounds;
  Round* run;
  const void* data;
} Loop;

static void release(Loop* loop) {
  if (atomic_fetch_sub(&loop->holders, 1) == 1) free(loop);
}

/* Runs rounds that nobody has begun. Somebody who comes late finds none, and looks at no data. */
static void share(Loop* loop) {
  for (int i; (i = atomic_fetch_add(&loop->next, 1)) < loop->rounds;) {
    loop->run(loop->data, i);
    atomic_fetch_add(&loop->done, 1);
  }
}

static void help(void* loop) {
  share(loop);
  release(loop);
}

static int threads_of(const Call* call) {
  int64_t threads = 1;
  ThreadsArguments asked = {sizeof asked, 0, call->context, &threads};
  Failure failure = call->api->threads(&asked);
  if (!failure) return (int)threads;
  call->api->error_destroy(&(DestroyArguments){sizeof(DestroyArguments), 0, failure});
  return 1;
}

/*
 * Runs all rounds and returns when the last is done. The calling thread works too: it waits only for rounds that others
 * have begun, so that it doesn't matter if XLA's threads are all in here.
 */
static void parallel(const Call* call, int rounds, Round* run, const void* data) {
  int helpers = threads_of(call) - 1;
  if (helpers > rounds - 1) helpers = rounds - 1;
  Loop* loop = malloc(sizeof *loop);
  if (!loop) {
    for (int i = 0; i < rounds; i++) run(data, i);
    return;
  }
  *loop = (Loop){.holders = 1, .rounds = rounds, .run = run, .data = data};
  for (int i = 0; i < helpers; i++) {
    atomic_fetch_add(&loop->holders, 1);
    Failure failure =
        call->api->schedule(&(ScheduleArguments){sizeof(ScheduleArguments), 0, call->context, help, loop});
    if (!failure) continue;
    call->api->error_destroy(&(DestroyArguments){sizeof(DestroyArguments), 0, failure});
    release(loop);
  }
  share(loop);
  while (atomic_load(&loop->done) < rounds) sched_yield();
  release(loop);
}

/* Rounds to aim at: enough to keep many threads busy, and the same number however many there are, for the same sums. */
enum { ROUNDS = 32 };
