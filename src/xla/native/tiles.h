/*
 * The innermost loops: as many sums as the processor has registers for, each a vector of channels. The sums are
 * variables of their own, since compilers keep arrays in memory; `EACH` writes a line for each, and those that a tile
 * doesn't have fall away.
 */
#ifdef __AVX512F__
enum { OUTPUT_SUMS = 16, FILTER_SUMS = 24 };
#define EACH(F) TWELVE(F) F(12) F(13) F(14) F(15) F(16) F(17) F(18) F(19) F(20) F(21) F(22) F(23)
#else
enum { OUTPUT_SUMS = 8, FILTER_SUMS = 12 };
#define EACH(F) TWELVE(F)
#endif
#define TWELVE(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)

/* Where a tap of the kernel finds its input and its weights, in floats after those of the first. */
typedef struct {
  ptrdiff_t input, weights;
} Tap;

/*
 * y[p, q] = sum over taps and channels of x[p, tap, channel] * w[tap, channel, q], for `pixels` places p and `vectors`
 * (1 or 2) vectors of channels q, + bias[q] if there is one. x_step and y_step: from one place to the next; w_step:
 * from one channel to the next.
 */
INLINE void output_tile(const int pixels, const int vectors, const Tap* taps, int tap_count, int channels,
                        const float* x, ptrdiff_t x_step, const float* w, ptrdiff_t w_step, const float* bias, float* y,
                        ptrdiff_t y_step) {
#define F(i)           \
  Vector sum##i = {0}; \
  if (i < pixels * vectors && bias) sum##i = LOAD(bias + i % vectors * LANES);
  EACH(F)
#undef F
  for (int t = 0; t < tap_count; t++) {
    const float *input = x + taps[t].input, *weights = w + taps[t].weights;
    for (int c = 0; c < channels; c++, input++, weights += w_step) {
      const Vector first = LOAD(weights), second = vectors > 1 ? LOAD(weights + LANES) : first;
#define F(i) \
  if (i < pixels * vectors) sum##i += (i % vectors ? second : first) * input[i / vectors * x_step];
      EACH(F)
#undef F
    }
  }
#define F(i) \
  if (i < pixels * vectors) STORE(y + i / vectors * y_step + i % vectors * LANES) = sum##i;
  EACH(F)
#undef F
}

/*
 * dw[r, q] += sum over rows and columns of x[row, column, r] * dy[row, column, q], for `count` neighbours r and
 * `vectors` (1 or 2) vectors of channels q; where it is `fresh` dw is set instead.
 */
INLINE void filter_tile(const int count, const int vectors, int fresh, int rows, int columns, const float* x,
                        ptrdiff_t x_row, ptrdiff_t x_step, const float* dy, ptrdiff_t dy_row, ptrdiff_t dy_step,
                        float* dw, ptrdiff_t dw_step) {
#define F(i)           \
  Vector sum##i = {0}; \
  if (i < count * vectors && !fresh) sum##i = LOAD(dw + i / vectors * dw_step + i % vectors * LANES);
  EACH(F)
#undef F
  for (int r = 0; r < rows; r++) {
    const float *input = x + r * x_row, *gradient = dy + r * dy_row;
    for (int c = 0; c < columns; c++, input += x_step, gradient += dy_step) {
      const Vector first = LOAD(gradient), second = vectors > 1 ? LOAD(gradient + LANES) : first;
#define F(i) \
  if (i < count * vectors) sum##i += (i % vectors ? second : first) * input[i / vectors];
      EACH(F)
#undef F
    }
  }
#define F(i) \
  if (i < count * vectors) STORE(dw + i / vectors * dw_step + i % vectors * LANES) = sum##i;
  EACH(F)
#undef F
}
