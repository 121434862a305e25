/* Sums over all rows of arrays [rows, channels], channels in sixteens, as batch norm takes them: of a and of a * b. */
#include <string.h>

typedef struct {
  int type;
  const void *a, *b;
  /* [ROUNDS, 2, channels] */
  float* parts;
  size_t rows;
  int channels;
} Sums;

/* Adds those of some rows, of one vector of channels; four at a time, so that no addition waits for the one before. */
INLINE void add_rows(const int type, const void* a, const void* b, size_t rows, size_t channels, float* sum,
                     float* product_sum) {
  Vector s0 = {0}, s1 = s0, s2 = s0, s3 = s0, p0 = s0, p1 = s0, p2 = s0, p3 = s0;
  size_t r = 0, at = 0;
  for (; r + 4 <= rows; r += 4, at += 4 * channels) {
    const Vector a0 = load(type, a, at), a1 = load(type, a, at + channels), a2 = load(type, a, at + 2 * channels),
                 a3 = load(type, a, at + 3 * channels);
    s0 += a0, s1 += a1, s2 += a2, s3 += a3;
    p0 += a0 * load(type, b, at), p1 += a1 * load(type, b, at + channels), p2 += a2 * load(type, b, at + 2 * channels),
        p3 += a3 * load(type, b, at + 3 * channels);
  }
  for (; r < rows; r++, at += channels) s0 += load(type, a, at), p0 += load(type, a, at) * load(type, b, at);
  STORE(sum) += s0 + s1 + (s2 + s3);
  STORE(product_sum) += p0 + p1 + (p2 + p3);
}

/* A block of rows that stays in the cache at a time: so the long sums are sums of short ones, too, and lose less. */
INLINE void sums_of_type(const Sums* work, const int type, int index) {
  const size_t channels = work->channels, first = work->rows * index / ROUNDS, last = work->rows * (index + 1) / ROUNDS;
  const size_t block = 16 + 4096 / channels;
  float* sums = work->parts + index * 2 * channels;
  memset(sums, 0, sizeof(float) * 2 * channels);
  for (size_t r = first; r < last; r += block) {
    const size_t rows = last - r < block ? last - r : block;
    for (size_t c = 0; c < channels; c += LANES)
      add_rows(type, element(type, work->a, r * channels + c), element(type, work->b, r * channels + c), rows, channels,
               sums + c, sums + channels + c);
  }
}

static void sums_round(const void* data, int index) {
  const Sums* work = data;
  if (work->type == FLOAT32)
    sums_of_type(work, FLOAT32, index);
  else
    sums_of_type(work, BFLOAT16, index);
}

/* The sum of `count` lists, one after another in memory, into the first of them or elsewhere. */
static void add_lists(const float* lists, int count, size_t size, float* sum) {
  if (count == 0)
    memset(sum, 0, sizeof(float) * size);
  else if (sum != lists)
    memcpy(sum, lists, sizeof(float) * size);
  for (int k = 1; k < count; k++)
    for (size_t i = 0; i < size; i++) sum[i] += lists[k * size + i];
}
