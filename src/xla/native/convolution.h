/*
 * Two-dimensional convolutions, forward and both gradients, computed directly: no image is laid out anew but for the
 * frame of zeros around it. Images are [image, row, column, channel], kernels [row, column, input, output], floats. The
 * channels of the result, of which vectors are made, come in sixteens.
 */
#include <string.h>

enum { MOST_TAPS = 256, CHANNELS = 16 };

typedef struct {
  int images;
  /* Of the input, and of the output. */
  int height, width, inputs;
  int rows, columns, outputs;
  int kernel_rows, kernel_columns;
  int row_stride, column_stride, row_dilation, column_dilation;
  /* Zeros before the first row and column. */
  int top, left;
} Convolution;

typedef struct {
  Convolution c;
  const float *a, *b;
  float* result;
  /* Parts that the images, or the rows of one, are computed in. */
  int parts;
  Epilogue epilogue;
} Work;

static int at_most(int a, int b) { return a < b ? a : b; }
static int at_least(int a, int b) { return a > b ? a : b; }
static int up(int a, int b) { return (a + b - 1) / b; }
static int down(int a, int b) { return a >= 0 ? a / b : -up(-a, b); }

/* Vectors that the next step takes of so many channels. */
static int vectors_of(int channels) { return channels >= 2 * LANES ? 2 : 1; }

/* A part of an image [height, width, channels], with zeros where it reaches beyond. */
static const float* framed(const float* image, int height, int width, int channels, int top, int rows, int left,
                           int columns) {
  float *frame = scratch((size_t)rows * columns * channels), *to = frame;
  int before = at_most(columns, at_least(0, -left)), inside = at_least(0, at_most(columns, width - left) - before);
  for (int r = top; r < top + rows; r++, to += (size_t)columns * channels) {
    int filled = r >= 0 && r < height ? inside : 0, begin = filled ? before : columns;
    memset(to, 0, sizeof(float) * begin * channels);
    if (!filled) continue;
    memcpy(to + begin * channels, image + ((size_t)r * width + left + before) * channels,
           sizeof(float) * filled * channels);
    memset(to + (begin + filled) * channels, 0, sizeof(float) * (columns - begin - filled) * channels);
  }
  return frame;
}

/*
 * One row of the result at `places` places, for one or two vectors of channels. The last tile overlaps the one before
 * where it must.
 */
static void output_row(int places, int vectors, const Tap* taps, int tap_count, int channels, const float* x,
                       ptrdiff_t x_step, const float* w, ptrdiff_t w_step, const float* bias, float* y,
                       ptrdiff_t y_step) {
  int width = OUTPUT_SUMS / vectors;
  while (width > places) width /= 2;
  for (int done = 0; done < places; done += width) {
    int first = at_most(done, places - width);
    const float* from = x + first * x_step;
    float* to = y + first * y_step;
#define TILE(pixels, vectors)                                                                           \
  case (pixels) * 2 + (vectors):                                                                        \
    output_tile(pixels, vectors, taps, tap_count, channels, from, x_step, w, w_step, bias, to, y_step); \
    break;
    switch (width * 2 + vectors) {
#ifdef __AVX512F__
      TILE(16, 1)
      TILE(8, 2)
#endif
      TILE(8, 1)
      TILE(4, 1)
      TILE(2, 1)
      TILE(1, 1)
      TILE(4, 2)
      TILE(2, 2)
      TILE(1, 2)
    }
#undef TILE
  }
}

/* Into how many parts the rows of an image are divided: rounds enough, and frames that stay in the cache. */
static int row_parts(int images, int rows, size_t floats_a_row) {
  const size_t cached = 1 << 16;
  int parts = up(ROUNDS, at_least(1, images)), fit = at_least(1, (int)(cached / (floats_a_row + 1)));
  return at_most(rows, at_least(parts, up(rows, fit)));
}

/* y of some rows of an image: a = x, b = w. */
static void forward_round(const void* data, int index) {
  const Work* work = data;
  const Convolution c = work->c;
  int image = index / work->parts, rows = up(c.rows, work->parts), first = index % work->parts * rows,
      last = at_most(first + rows, c.rows);
  float* sums = work->epilogue.sums ? work->epilogue.sums + (size_t)index * 2 * c.outputs : 0;
  if (sums) memset(sums, 0, sizeof(float) * 2 * c.outputs);
  if (first >= last) return;
  int width = (c.columns - 1) * c.column_stride + (c.kernel_columns - 1) * c.column_dilation + 1;
  int height = (last - first - 1) * c.row_stride + (c.kernel_rows - 1) * c.row_dilation + 1;
  const float* x = framed(work->a + (size_t)image * c.height * c.width * c.inputs, c.height, c.width, c.inputs,
                          first * c.row_stride - c.top, height, -c.left, width);
  Tap taps[MOST_TAPS];
  int count = 0;
  for (int i = 0; i < c.kernel_rows; i++)
    for (int j = 0; j < c.kernel_columns; j++, count++)
      taps[count] = (Tap){((ptrdiff_t)i * c.row_dilation * width + j * c.column_dilation) * c.inputs,
                          (ptrdiff_t)count * c.inputs * c.outputs};
  for (int q = 0, vectors; q < c.outputs; q += vectors * LANES) {
    vectors = vectors_of(c.outputs - q);
    for (int r = 0; r < last - first; r++) {
      const size_t row = ((size_t)image * c.rows + first + r) * c.columns * c.outputs + q;
      output_row(c.columns, vectors, taps, count, c.inputs, x + (size_t)r * c.row_stride * width * c.inputs,
                 (ptrdiff_t)c.column_stride * c.inputs, work->b + q, c.outputs, bias_at(&work->epilogue, q),
                 work->result + row, c.outputs);
      for (int v = 0; sums && v < vectors * LANES; v += LANES)
        finish_row(&work->epilogue, work->result, row + v, c.columns, c.outputs, sums + q + v,
                   sums + c.outputs + q + v);
    }
  }
}

/*
 * dx of some rows of an image: a = dy, b = w with inputs and outputs exchanged. With a stride, every so many columns
 * meet the same taps; they are computed together.
 */
static void input_round(const void* data, int index) {
  const Work* work = data;
  const Convolution c = work->c;
  int image = index / work->parts, rows = up(c.height, work->parts), first = index % work->parts * rows,
      last = at_most(first + rows, c.height);
  float* sums = work->epilogue.sums ? work->epilogue.sums + (size_t)index * 2 * c.inputs : 0;
  if (sums) memset(sums, 0, sizeof(float) * 2 * c.inputs);
  if (first >= last) return;
  int top = down(first + c.top - (c.kernel_rows - 1) * c.row_dilation, c.row_stride),
      bottom = down(last - 1 + c.top, c.row_stride);
  int left = down(c.left - (c.kernel_columns - 1) * c.column_dilation, c.column_stride),
      right = down(c.width - 1 + c.left, c.column_stride);
  int width = right - left + 1;
  const float* dy = framed(work->a + (size_t)image * c.rows * c.columns * c.outputs, c.rows, c.columns, c.outputs, top,
                           bottom - top + 1, left, width);
  const size_t place = (size_t)image * c.height * c.width * c.inputs;
  float* dx = work->result + place;
  for (int q = 0, vectors; q < c.inputs; q += vectors * LANES) {
    vectors = vectors_of(c.inputs - q);
    for (int r = first; r < last; r++) {
      for (int phase = 0; phase < at_most(c.column_stride, c.width); phase++) {
        Tap taps[MOST_TAPS];
        int count = 0;
        for (int i = 0; i < c.kernel_rows; i++)
          for (int j = 0; j < c.kernel_columns; j++) {
            int row = r + c.top - i * c.row_dilation, column = phase + c.left - j * c.column_dilation;
            if (row % c.row_stride || column % c.column_stride) continue;
            ptrdiff_t place = (ptrdiff_t)(row / c.row_stride - top) * width + column / c.column_stride - left;
            taps[count++] = (Tap){place * c.outputs, (ptrdiff_t)(i * c.kernel_columns + j) * c.outputs * c.inputs};
          }
        output_row(up(c.width - phase, c.column_stride), vectors, taps, count, c.outputs, dy, c.outputs, work->b + q,
                   c.inputs, 0, dx + ((size_t)r * c.width + phase) * c.inputs + q,
                   (ptrdiff_t)c.column_stride * c.inputs);
      }
      if (!sums) continue;
      const size_t row = place + (size_t)r * c.width * c.inputs + q;
      for (int v = 0; v < vectors * LANES; v += LANES)
        finish_row(&work->epilogue, work->result, row + v, c.width, c.inputs, sums + q + v, sums + c.inputs + q + v);
    }
  }
}

/* Adds what some rows give to neighbouring places of dw, or sets these. */
static void filter_run(int places, int vectors, int fresh, int rows, int columns, const float* x, ptrdiff_t x_row,
                       ptrdiff_t x_step, const float* dy, ptrdiff_t dy_row, ptrdiff_t dy_step, float* dw,
                       ptrdiff_t dw_step) {
  for (int done = 0, count; done < places; done += count, x += count, dw += count * dw_step) {
#define TILE(n, vectors)                                                                               \
  case (n) * 2 + (vectors):                                                                            \
    filter_tile(n, vectors, fresh, rows, columns, x, x_row, x_step, dy, dy_row, dy_step, dw, dw_step); \
    break;
    count = FILTER_SUMS / vectors;
    while (count > places - done) count = count % 3 ? count / 2 : count / 3 * 2;
    switch (count * 2 + vectors) {
#ifdef __AVX512F__
      TILE(24, 1)
      TILE(16, 1)
      TILE(12, 2)
      TILE(8, 2)
#else
      TILE(12, 1)
      TILE(6, 2)
#endif
      TILE(8, 1)
      TILE(4, 1)
      TILE(2, 1)
      TILE(1, 1)
      TILE(4, 2)
      TILE(2, 2)
      TILE(1, 2)
    }
#undef TILE
  }
}

/* dw of one or two vectors of outputs, of some of the images: a = x, b = dy; `result` has a dw for each part. */
static void filter_round(const void* data, int index) {
  const Work* work = data;
  const Convolution c = work->c;
  const size_t places = (size_t)c.kernel_rows * c.kernel_columns * c.inputs;
  int part = index % work->parts, q = index / work->parts * 2 * LANES, vectors = vectors_of(c.outputs - q);
  float* dw = work->result + part * places * c.outputs + q;
  int width = (c.columns - 1) * c.column_stride + (c.kernel_columns - 1) * c.column_dilation + 1;
  int height = (c.rows - 1) * c.row_stride + (c.kernel_rows - 1) * c.row_dilation + 1;
  const int cached = 1 << 13;
  int band = at_least(1, cached / (c.columns * (c.inputs * c.column_stride + vectors * LANES)));
  /* Without dilation the columns' taps are neighbours, too. */
  int runs = c.column_dilation == 1 ? 1 : c.kernel_columns, run = c.kernel_columns / runs * c.inputs;
  int first = (int)((int64_t)c.images * part / work->parts), last = (int)((int64_t)c.images * (part + 1) / work->parts);
  for (int n = first; n < last; n++) {
    const float* x = framed(work->a + (size_t)n * c.height * c.width * c.inputs, c.height, c.width, c.inputs, -c.top,
                            height, -c.left, width);
    const float* dy = work->b + (size_t)n * c.rows * c.columns * c.outputs + q;
    for (int r = 0; r < c.rows; r += band)
      for (int i = 0; i < c.kernel_rows; i++)
        for (int j = 0; j < runs; j++)
          filter_run(run, vectors, n == first && r == 0, at_most(band, c.rows - r), c.columns,
                     x + ((size_t)(r * c.row_stride + i * c.row_dilation) * width + j * c.column_dilation) * c.inputs,
                     (ptrdiff_t)c.row_stride * width * c.inputs, (ptrdiff_t)c.column_stride * c.inputs,
                     dy + (size_t)r * c.columns * c.outputs, (ptrdiff_t)c.columns * c.outputs, c.outputs,
                     dw + (size_t)(i * runs + j) * run * c.outputs, c.outputs);
  }
}

/* Elements of dw from which threads share its sum. */
enum { SHARED = 1 << 14 };

/* One of ROUNDS pieces of dw, a sum: a has a dw for each of `parts`. */
static void sum_round(const void* data, int index) {
  const Work* work = data;
  const Convolution c = work->c;
  const size_t size = (size_t)c.kernel_rows * c.kernel_columns * c.inputs * c.outputs;
  for (size_t i = size / CHANNELS * index / ROUNDS * CHANNELS, end = size / CHANNELS * (index + 1) / ROUNDS * CHANNELS;
       i < end; i += LANES) {
    Vector sum = LOAD(work->a + i);
    for (int part = 1; part < work->parts; part++) sum += LOAD(work->a + part * size + i);
    STORE(work->result + i) = sum;
  }
}
