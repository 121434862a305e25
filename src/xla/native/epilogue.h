/* What is done with a result right after it has been computed, while it is in the cache. */

typedef struct {
  /* If they are wanted, each round's sums over the result and its products, [rounds, 2, channels]. */
  float* sums;
  /*
   * Without `relu` those are products with itself. With it they are with `x`, and the result is first added to `other`
   * (if that isn't null) and set to 0 where `relu` isn't positive: it is a gradient. All are shaped like the result.
   */
  const float *relu, *x, *other;
} Epilogue;

typedef int Mask __attribute__((vector_size(LANES * 4)));

/* The gradient of relu(y), where that is positive; NaN stays. */
INLINE Vector where_positive(Vector relu, Vector gradient) {
  return (Vector)(((relu > 0) & (Mask)gradient) | ((relu != relu) & (Mask)relu));
}

/* Of one vector, `place` floats from the result's begin. */
INLINE Vector finish(const Epilogue* e, Vector y, size_t place, Vector* sum, Vector* products) {
  if (e->relu) {
    if (e->other) y += LOAD(e->other + place);
    y = where_positive(LOAD(e->relu + place), y);
  }
  *sum += y;
  *products += y * (e->relu ? LOAD(e->x + place) : y);
  return y;
}

/* Of one vector of channels of some places one after another. */
static void finish_row(const Epilogue* e, float* result, size_t place, int places, int channels, float* sums,
                       float* products) {
  float* row = result + place;
  if (e->relu)
    for (int p = 0; p < places; p++) {
      const size_t at = (size_t)p * channels;
      const Vector y = e->other ? LOAD(row + at) + LOAD(e->other + place + at) : LOAD(row + at);
      STORE(row + at) = where_positive(LOAD(e->relu + place + at), y);
    }
  add_rows(row, e->relu ? e->x + place : row, places, channels, sums, products);
}
