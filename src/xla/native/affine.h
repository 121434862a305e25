/* What batch norm does with each element, and a residual block right after it. */

typedef struct {
  int type, relu;
  const void *x, *other, *shortcut;
  /* One of each channel. */
  const float *around, *factor, *after, *other_factor;
  void* result;
  size_t rows;
  int channels;
} Affine;

INLINE void affine_rows(const Affine* work, const int type, const int other, const int shortcut, const int relu,
                        int index) {
  const size_t channels = work->channels, first = work->rows * index / ROUNDS, last = work->rows * (index + 1) / ROUNDS;
  const float *around = work->around, *factor = work->factor, *after = work->after, *other_factor = work->other_factor;
  for (size_t at = first * channels, c = 0; at < last * channels; at += LANES, c += LANES) {
    if (c == channels) c = 0;
    Vector y = (load(type, work->x, at) - LOAD(around + c)) * LOAD(factor + c) + LOAD(after + c);
    if (other) y += load(type, work->other, at) * LOAD(other_factor + c);
    if (shortcut) y += load(type, work->shortcut, at);
    store(type, work->result, at, relu ? where_positive(y, y) : y);
  }
}

/* A loop without questions for each case. */
static void affine_round(const void* data, int index) {
  const Affine* work = data;
  const int wide = work->type == FLOAT32, other = work->other != 0, shortcut = work->shortcut != 0;
  switch (wide * 8 + other * 4 + shortcut * 2 + work->relu) {
#define CASE(n) \
  case n:       \
    return affine_rows(work, n & 8 ? FLOAT32 : BFLOAT16, n & 4, n & 2, n & 1, index);
    CASE(0)
    CASE(1)
    CASE(2)
    CASE(3)
    CASE(4)
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
    CASE(9)
    CASE(10)
    CASE(11)
    CASE(12)
    CASE(13)
    CASE(14)
    CASE(15)
#undef CASE
  }
}
