/*
 * Convolutions of bf16 images by the processor's matrix unit. An image is laid out as a line of pixels: its rows one
 * after another, and between them a gap of zeros, as wide as the kernel reaches beyond. What a tap reads for results
 * one after another then are pixels one after another; results that fall into the gaps are computed and dropped. With
 * a stride, every so many rows and columns are a line of their own, a `plane`.
 */
#include <limits.h>

typedef struct {
  const Bf16* images;
  int height, width, channels;
  /* Every so many rows and columns make a plane. */
  int row_step, column_step;
  /* An image's results are computed in bands of so many of a plane's rows. */
  int bands, rows;
  /* The first row that a band reads, from its own first one, and how many more than it has. */
  int low, more;
  /* Pixels from a row to the next, before the first one, and of the line of a plane: an even number. */
  int pitch, lead, pixels;
  /* Of pixels that are read after a line. */
  int after;
  /* Numbers of a pixel: its channels and zeros. */
  int depth;
} Lines;

/* A place of the kernel, and how far from a result in the line its pixel is, in numbers. */
typedef struct {
  int place;
  ptrdiff_t from;
} LineTap;

typedef struct {
  Convolution c;
  /* Whether dx is computed of dy; else y of x. */
  int backward;
  Lines lines;
  /* [taps, inputs, outputs] */
  const float* kernel;
  /* The same in tiles: [channels / 16, taps, depth / 2, 16, 2]. */
  Bf16* weights;
  Bf16* result;
  int height, width, channels;
  /* Every how many rows and columns a result is, where they meet the same taps. */
  int row_step, column_step;
  /* Bands that a round computes, and tiles of its channels; in how many blocks these are. */
  int group, tiles, blocks;
  Epilogue epilogue;
} LineWork;

/* Which of a plane's rows (or columns) an output meets through a tap: `shift` from its own, in plane `rest`. */
typedef struct {
  int shift, rest;
} Reach;

static Reach reach(int offset, int stride) {
  const int shift = down(offset, stride);
  return (Reach){shift, offset - shift * stride};
}

static Reach row_reach(const Convolution* c, int backward, int phase, int tap) {
  const int at = tap * c->row_dilation - c->top;
  return reach(backward ? phase - at : at, c->row_stride);
}

static Reach column_reach(const Convolution* c, int backward, int phase, int tap) {
  const int at = tap * c->column_dilation - c->left;
  return reach(backward ? phase - at : at, c->column_stride);
}

/* The least and the largest shift of all taps. */
static void widest(const Convolution* c, int backward, Reach (*of)(const Convolution*, int, int, int), int taps,
                   int phases, int* low, int* high) {
  *low = INT_MAX, *high = INT_MIN;
  for (int phase = 0; phase < phases; phase++)
    for (int tap = 0; tap < taps; tap++) {
      const Reach at = of(c, backward, phase, tap);
      if (backward && at.rest) continue;
      *low = at_most(*low, at.shift);
      *high = at_least(*high, at.shift);
    }
}

static Lines lines_of(const Convolution* c, int backward, const Bf16* images) {
  Lines l = {.images = images,
             .height = backward ? c->rows : c->height,
             .width = backward ? c->columns : c->width,
             .channels = backward ? c->outputs : c->inputs,
             .row_step = backward ? 1 : c->row_stride,
             .column_step = backward ? 1 : c->column_stride};
  const int rows = backward ? up(c->height, c->row_stride) : c->rows,
            columns = backward ? up(c->width, c->column_stride) : c->columns;
  int high, left, right;
  widest(c, backward, row_reach, c->kernel_rows, backward ? c->row_stride : 1, &l.low, &high);
  widest(c, backward, column_reach, c->kernel_columns, backward ? c->column_stride : 1, &left, &right);
  l.depth = l.channels <= TILE ? TILE : up(l.channels, DEEP) * DEEP;
  l.lead = at_least(0, -left);
  l.pitch = at_least(up(l.width, l.column_step) + l.lead, columns + at_least(0, right));
  l.more = high - l.low;
  l.after = DEEP + at_least(0, right);
  l.bands = row_parts(c->images, rows, (size_t)l.row_step * l.column_step * l.pitch * l.depth / 2);
  l.rows = up(rows, at_least(1, l.bands));
  l.pixels = up(l.lead + (l.rows + l.more) * l.pitch, 2) * 2;
  return l;
}

static int taps_of(const Convolution* c) { return c->kernel_rows * c->kernel_columns; }

static int planes_of(const Lines* l) { return l->row_step * l->column_step; }

/* Numbers that the lines of a band have. */
static size_t band_size(const Lines* l) { return (size_t)planes_of(l) * l->pixels * l->depth; }

/* A row's pixels, every so many of the image's. */
static Bf16* lay_row(const Lines* l, const Bf16* row, int first, Bf16* to) {
  if (l->column_step == 1 && l->channels == l->depth) {
    memcpy(to, row, sizeof(Bf16) * l->width * l->depth);
    return to + (size_t)l->width * l->depth;
  }
  for (int column = first; column < l->width; column += l->column_step, to += l->depth) {
    for (int k = 0; k < l->channels; k++) to[k] = row[(size_t)column * l->channels + k];
    for (int k = l->channels; k < l->depth; k++) to[k] = 0;
  }
  return to;
}

/* Lays out a band: [planes, pixels, depth]. */
static void lay_out(const Lines* l, int band, Bf16* to) {
  const Bf16* image = l->images + (size_t)(band / l->bands) * l->height * l->width * l->channels;
  const int first = band % l->bands * l->rows + l->low;
  for (int a = 0; a < l->row_step; a++)
    for (int b = 0; b < l->column_step; b++) {
      Bf16* end = to + (size_t)l->pixels * l->depth;
      memset(to, 0, sizeof(Bf16) * l->lead * l->depth);
      to += (size_t)l->lead * l->depth;
      for (int r = first; r < first + l->rows + l->more; r++) {
        const int row = r * l->row_step + a;
        Bf16* next = to + (size_t)l->pitch * l->depth;
        if (row >= 0 && row < l->height) to = lay_row(l, image + (size_t)row * l->width * l->channels, b, to);
        memset(to, 0, sizeof(Bf16) * (next - to));
        to = next;
      }
      memset(to, 0, sizeof(Bf16) * (end - to));
      to = end;
    }
}

/* The taps that results of a phase meet. */
static int line_taps(const Convolution* c, int backward, const Lines* l, int row_phase, int column_phase,
                     LineTap* taps) {
  int count = 0;
  for (int i = 0; i < c->kernel_rows; i++)
    for (int j = 0; j < c->kernel_columns; j++) {
      const Reach row = row_reach(c, backward, row_phase, i), column = column_reach(c, backward, column_phase, j);
      if (backward && (row.rest || column.rest)) continue;
      const int plane = backward ? 0 : row.rest * l->column_step + column.rest;
      const ptrdiff_t pixel =
          (ptrdiff_t)plane * l->pixels + l->lead + (ptrdiff_t)(row.shift - l->low) * l->pitch + column.shift;
      taps[count++] = (LineTap){i * c->kernel_columns + j, pixel * l->depth};
    }
  return count;
}

/* How many numbers a product takes at a time. */
static int deep(const Lines* l) { return at_most(l->depth, DEEP); }

/* Weights of sixteen outputs, [depth / 2, 16, 2] of [inputs, outputs]. */
static void lay_outputs(const LineWork* work, const float* from, Bf16* to) {
  const int inputs = work->c.inputs, outputs = work->c.outputs;
  for (int k = 0; k < work->lines.depth; k += 2, from += 2 * outputs, to += 2 * TILE) {
    const __m512 none = _mm512_setzero_ps();
    const Numbers first = nearest(k < inputs ? _mm512_loadu_ps(from) : none),
                  second = nearest(k + 1 < inputs ? _mm512_loadu_ps(from + outputs) : none);
    _mm512_storeu_si512(to, paired(first, second));
  }
}

/* Weights of sixteen inputs, [depth / 2, 16, 2], where outputs are multiplied. */
static void lay_inputs(const LineWork* work, const float* from, Bf16* to) {
  const int outputs = work->c.outputs, depth = work->lines.depth;
  for (int k = 0; k < depth; k += DEEP, to += DEEP * TILE) {
    const uint32_t there = outputs - k < DEEP ? ((uint32_t)1 << (outputs - k)) - 1 : UINT32_MAX;
    __m512i rows[TILE];
    for (int i = 0; i < TILE; i++) {
      const float* row = from + (size_t)i * outputs + k;
      const __m512 low = _mm512_maskz_loadu_ps((__mmask16)there, row),
                   high = _mm512_maskz_loadu_ps((__mmask16)(there >> TILE), row + TILE);
      rows[i] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    }
    exchange(rows);
    for (int i = 0; i < at_most(TILE, (depth - k) / 2); i++) _mm512_storeu_si512(to + i * DEEP, rows[i]);
  }
}

/* The weights of sixteen of the result's channels. */
static void weights_tiles_round(const void* data, int index) {
  const LineWork* work = data;
  const Convolution* c = &work->c;
  const size_t tile = (size_t)work->lines.depth * TILE, each = (size_t)c->inputs * c->outputs;
  for (int tap = 0; tap < taps_of(c); tap++) {
    Bf16* to = work->weights + ((size_t)index * taps_of(c) + tap) * tile;
    const float* from = work->kernel + tap * each;
    if (work->backward)
      lay_inputs(work, from + (size_t)index * TILE * c->outputs, to);
    else
      lay_outputs(work, from + index * TILE, to);
  }
}

/* Sums of one or two tiles of places, and of channels, [channels, places, 16, 16]. */
INLINE void line_tile(const int places, const int vectors, const LineTap* taps, int count, const Lines* l,
                      const Bf16* x, const Bf16* w, size_t w_next, float* sums) {
  const ptrdiff_t pixel = sizeof(Bf16) * l->depth;
  const int step = deep(l), chunks = l->depth / step;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int t = 0; t < count; t++) {
    const Bf16 *from = x + taps[t].from, *weights = w + (size_t)taps[t].place * l->depth * TILE;
    for (int k = 0; k < chunks; k++, from += step, weights += step * TILE) {
      _tile_loadd(4, from, pixel);
      _tile_loadd(6, weights, 64);
      _tile_dpbf16ps(0, 4, 6);
      if (places > 1) {
        _tile_loadd(5, from + TILE * l->depth, pixel);
        _tile_dpbf16ps(1, 5, 6);
      }
      if (vectors > 1) {
        _tile_loadd(7, weights + w_next, 64);
        _tile_dpbf16ps(2, 4, 7);
        if (places > 1) _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  _tile_stored(0, sums, 64);
  if (places > 1) _tile_stored(1, sums + TILE_SUMS, 64);
  if (vectors > 1) {
    _tile_stored(2, sums + 2 * TILE_SUMS, 64);
    if (places > 1) _tile_stored(3, sums + 3 * TILE_SUMS, 64);
  }
}

/* Where results of a phase lie. */
typedef struct {
  int image, first, rows, columns, row_phase, column_phase;
} Phase;

/*
 * Stores the sums of two tiles of places, from `p` of the line on, where they are results; adds up what is asked for,
 * before it is rounded.
 */
INLINE void store_places(const LineWork* work, const int vectors, const Phase* at, int p, const float* sums,
                         int channel, Vector* totals) {
  const int pitch = work->lines.pitch;
  const size_t step = (size_t)work->column_step * work->channels;
  /* Variables of their own stay in registers. */
  Vector total0 = totals[0], products0 = totals[1], total1 = totals[2], products1 = totals[3];
  const float* bias = bias_at(&work->epilogue, channel);
  const Vector none = {0}, bias0 = bias ? LOAD(bias) : none, bias1 = bias && vectors > 1 ? LOAD(bias + TILE) : none;
  int row = p / pitch, column = p % pitch;
  for (int i = 0; i < 2 * TILE && row < at->rows; i += pitch - column, column = 0, row++) {
    const size_t y = at->row_phase + (size_t)(at->first + row) * work->row_step,
                 x = at->column_phase + (size_t)column * work->column_step;
    size_t place = (((size_t)at->image * work->height + y) * work->width + x) * work->channels + channel;
    const int last = at_most(2 * TILE, i + at->columns - column);
    for (int k = i; k < last; k++, place += step) {
#define FINISH(v)                                                                                          \
  if (v < vectors) {                                                                                       \
    const Vector sum = finish(&work->epilogue, BFLOAT16, bias##v + LOAD(sums + (2 * v * TILE + k) * TILE), \
                              place + v * TILE, &total##v, &products##v);                                  \
    store(BFLOAT16, work->result, place + v * TILE, sum);                                                  \
  }
      FINISH(0)
      FINISH(1)
#undef FINISH
    }
  }
  totals[0] = total0, totals[1] = products0, totals[2] = total1, totals[3] = products1;
}

/* The results of one phase in one band, for one or two vectors of channels. */
INLINE void line_phase(const LineWork* work, const int vectors, const Phase* at, const LineTap* taps, int count,
                       const Bf16* line, int q, Vector* totals) {
  const Lines* l = &work->lines;
  const size_t w_next = (size_t)taps_of(&work->c) * l->depth * TILE;
  const Bf16* w = work->weights + q / TILE * w_next;
  float sums[4 * TILE_SUMS] __attribute__((aligned(64)));
  const int places = at->rows * l->pitch;
  for (int p = 0; p < places; p += 2 * TILE) {
    const Bf16* x = line + (size_t)p * l->depth;
    if (places - p > TILE)
      line_tile(2, vectors, taps, count, l, x, w, w_next, sums);
    else
      line_tile(1, vectors, taps, count, l, x, w, w_next, sums);
    store_places(work, vectors, at, p, sums, q, totals);
  }
}

/* For some channels the results of some bands. */
INLINE void line_bands(const LineWork* work, const int vectors, const Bf16* lines, int first, int last, int q,
                       float* sums) {
  const Lines* l = &work->lines;
  Vector totals[4] = {{0}};
  LineTap taps[MOST_TAPS];
  for (int a = 0; a < work->row_step; a++)
    for (int b = 0; b < work->column_step; b++) {
      const int count = line_taps(&work->c, work->backward, l, a, b, taps);
      const int rows = up(work->height - a, work->row_step), columns = up(work->width - b, work->column_step);
      for (int band = first; band < last; band++) {
        const int from = band % l->bands * l->rows;
        const Phase at = {band / l->bands, from, at_most(l->rows, rows - from), columns, a, b};
        line_phase(work, vectors, &at, taps, count, lines + (band - first) * band_size(l), q, totals);
      }
    }
  for (int v = 0; sums && v < vectors; v++) {
    STORE(sums + q + v * TILE) = totals[2 * v];
    STORE(sums + work->channels + q + v * TILE) = totals[2 * v + 1];
  }
}

/* The results of a group of bands, for a block of channels. */
static void line_round(const void* data, int index) {
  const LineWork* work = data;
  const Lines* l = &work->lines;
  const int group = index / work->blocks, first = group * work->group,
            last = at_most(first + work->group, work->c.images * l->bands);
  const size_t size = band_size(l);
  Bf16* lines = (Bf16*)scratch(((last - first) * size + (size_t)l->after * l->depth) / 2);
  for (int band = first; band < last; band++) lay_out(l, band, lines + (band - first) * size);
  memset(lines + (last - first) * size, 0, sizeof(Bf16) * l->after * l->depth);
  float* sums = work->epilogue.sums ? work->epilogue.sums + (size_t)group * 2 * work->channels : 0;
  const int begin = index % work->blocks * work->tiles, end = at_most(begin + work->tiles, work->channels / TILE);
  begin_tiles(deep(l));
  for (int tile = begin; tile < end; tile += 2)
    if (end - tile > 1)
      line_bands(work, 2, lines, first, last, tile * TILE, sums);
    else
      line_bands(work, 1, lines, first, last, tile * TILE, sums);
  end_tiles();
}

/* Memory for the lines of a round, and for the weights that they are multiplied by, that a processor's cache holds. */
enum { CACHED_LINES = 1 << 19, CACHED_WEIGHTS = 1 << 20 };

/* Divides the work into rounds. */
static void divide_lines(LineWork* work) {
  const size_t lines = sizeof(Bf16) * band_size(&work->lines),
               weights = sizeof(Bf16) * taps_of(&work->c) * work->lines.depth * TILE;
  const int tiles = work->channels / TILE, bands = work->c.images * work->lines.bands;
  work->tiles = at_least(2, CACHED_WEIGHTS / weights / 2 * 2);
  work->blocks = up(tiles, work->tiles);
  work->group = at_least(1, at_most(CACHED_LINES / (lines + 1), bands * work->blocks / ROUNDS));
}

/* y of x and w, or dx of dy and w, where images are bf16; w is [kernel rows, kernel columns, inputs, outputs], f32. */
static Failure by_lines(const Call* call, Convolution c, int backward, const Array* result) {
  Array* const* arrays = call->arguments.arrays;
  const int64_t* size = result->dims;
  LineWork work = {.c = c,
                   .backward = backward,
                   .lines = lines_of(&c, backward, arrays[0]->data),
                   .kernel = arrays[1]->data,
                   .result = result->data,
                   .height = size[1],
                   .width = size[2],
                   .channels = size[3],
                   .row_step = backward ? c.row_stride : 1,
                   .column_step = backward ? c.column_stride : 1};
  Failure failure = take_epilogue(call, &work.epilogue);
  if (failure) return failure;
  divide_lines(&work);
  const int groups = up(c.images * work.lines.bands, work.group);
  work.weights = (Bf16*)aligned((size_t)taps_of(&c) * work.lines.depth * work.channels / 2);
  if (!work.weights) return refuse(call, "convolution: no memory");
  if (!(failure = begin_sums(call, &work.epilogue, groups, work.channels))) {
    parallel(call, work.channels / TILE, weights_tiles_round, &work);
    parallel(call, groups * work.blocks, line_round, &work);
    end_sums(call, &work.epilogue, groups, work.channels);
  }
  free(work.weights);
  return failure;
}
