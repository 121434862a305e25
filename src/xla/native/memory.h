/* Memory for what a kernel needs beside its arrays. */
#include <stdlib.h>

/* Memory that begins with a cache line; null: there is none. */
static float* aligned(size_t floats) { return aligned_alloc(64, floats * sizeof(float) / 64 * 64 + 64); }

/* Memory of the thread, which lives as long as XLA. */
static float* scratch(size_t floats) {
  static _Thread_local float* memory;
  static _Thread_local size_t size;
  if (size < floats) {
    free(memory);
    size = floats;
    memory = aligned(size);
    if (!memory) abort();
  }
  return memory;
}
