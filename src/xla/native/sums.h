/* Sums over all rows of arrays [rows, channels], channels in sixteens, as batch norm takes them: of a and of a * b. */
#include <string.h>

typedef struct {
  const float *a, *b;
  /* [ROUNDS, 2, channels] */
  float* parts;
  size_t rows;
  int channels;
} Sums;

/* Adds those of some rows, of one vector of channels; four at a time, so that no addition waits for the one before. */
static void add_rows(const float* a, const float* b, size_t rows, int channels, float* sum, float* product_sum) {
  Vector s0 = {0}, s1 = s0, s2 = s0, s3 = s0, p0 = s0, p1 = s0, p2 = s0, p3 = s0;
  size_t r = 0;
  for (; r + 4 <= rows; r += 4, a += 4 * channels, b += 4 * channels) {
    const Vector a0 = LOAD(a), a1 = LOAD(a + channels), a2 = LOAD(a + 2 * channels), a3 = LOAD(a + 3 * channels);
    s0 += a0, s1 += a1, s2 += a2, s3 += a3;
    p0 += a0 * LOAD(b), p1 += a1 * LOAD(b + channels), p2 += a2 * LOAD(b + 2 * channels),
        p3 += a3 * LOAD(b + 3 * channels);
  }
  for (; r < rows; r++, a += channels, b += channels) s0 += LOAD(a), p0 += LOAD(a) * LOAD(b);
  STORE(sum) += s0 + s1 + (s2 + s3);
  STORE(product_sum) += p0 + p1 + (p2 + p3);
}

/* A block of rows that stays in the cache at a time: so the long sums are sums of short ones, too, and lose less. */
static void sums_round(const void* data, int index) {
  const Sums* work = data;
  const size_t channels = work->channels, first = work->rows * index / ROUNDS, last = work->rows * (index + 1) / ROUNDS;
  const size_t block = 16 + 4096 / work->channels;
  float* sums = work->parts + index * 2 * channels;
  memset(sums, 0, sizeof(float) * 2 * channels);
  for (size_t r = first; r < last; r += block) {
    const size_t rows = last - r < block ? last - r : block;
    for (size_t c = 0; c < channels; c += LANES)
      add_rows(work->a + r * channels + c, work->b + r * channels + c, rows, work->channels, sums + c,
               sums + channels + c);
  }
}

/* The sum of `count` lists, one after another in memory, into the first of them or elsewhere. */
static void add_lists(const float* lists, int count, size_t size, float* sum) {
  if (sum != lists) memcpy(sum, lists, sizeof(float) * size);
  for (int k = 1; k < count; k++)
    for (size_t i = 0; i < size; i++) sum[i] += lists[k * size + i];
}
