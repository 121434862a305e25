/* What is done with a result right after it has been computed, while it is in the cache. */

typedef struct {
  /* If they are wanted, each round's sums over the result and its products, [rounds, 2, channels]. */
  float* sums;
  /*
   * Without `relu` those are products with itself. With it they are with `x`, and the result is first added to `other`
   * (if that isn't null) and set to 0 where `relu` isn't positive: it is a gradient. All are shaped like the result,
   * and of its type.
   */
  const void *relu, *x, *other;
  /* What is added to the result before, a number of each channel, or null. */
  const float* bias;
} Epilogue;

/* Where the bias of channels from `channel` on is; null: there is none. */
static const float* bias_at(const Epilogue* e, int channel) { return e->bias ? e->bias + channel : 0; }

typedef int Mask __attribute__((vector_size(LANES * 4)));

/* The gradient of relu(y), where that is positive; NaN stays. */
INLINE Vector where_positive(Vector relu, Vector gradient) {
  return (Vector)(((relu > 0) & (Mask)gradient) | ((relu != relu) & (Mask)relu));
}

/* Of one vector, `place` elements from the result's begin, in an array of that type. */
INLINE Vector finish(const Epilogue* e, const int type, Vector y, size_t place, Vector* sum, Vector* products) {
  if (e->relu) {
    if (e->other) y += load(type, e->other, place);
    y = where_positive(load(type, e->relu, place), y);
  }
  *sum += y;
  *products += y * (e->relu ? load(type, e->x, place) : y);
  return y;
}

/* Of one vector of channels of some places one after another. */
static void finish_row(const Epilogue* e, float* result, size_t place, int places, int channels, float* sums,
                       float* products) {
  float* row = result + place;
  const float *relu = e->relu, *x = e->x, *other = e->other;
  if (relu)
    for (int p = 0; p < places; p++) {
      const size_t at = (size_t)p * channels;
      const Vector y = other ? LOAD(row + at) + LOAD(other + place + at) : LOAD(row + at);
      STORE(row + at) = where_positive(LOAD(relu + place + at), y);
    }
  add_rows(FLOAT32, row, relu ? x + place : row, places, channels, sums, products);
}
