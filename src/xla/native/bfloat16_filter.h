/*
 * The filter's gradient of bf16 images by the processor's matrix unit: for each tap and sixteen inputs and outputs the
 * product of dy, [output, place of the line], and of the pixels that the tap reads there, [place, input]. Gaps of the
 * line are zero in dy. Tiles of the latter take pixels by pairs, so that there are two layouts of the line, of pairs
 * that begin with even pixels, and with odd ones.
 */

typedef struct {
  Convolution c;
  Lines lines;
  const Bf16* dy;
  /* [parts, outputs / 16, taps, inputs / 16, 16, 16], outputs before inputs */
  float* sums;
  float* dw;
  /* Bands are computed in so many parts, a group of bands at a time; and tiles of outputs in so many blocks. */
  int parts, group, tiles, blocks;
} FilterWork;

/* Tiles of inputs. */
static int depth_tiles(const FilterWork* work) { return up(work->c.inputs, TILE); }

static size_t filter_size(const FilterWork* work) {
  return (size_t)up(work->c.outputs, TILE) * taps_of(&work->c) * depth_tiles(work) * TILE_SUMS;
}

/* Products of 32 places that a band takes. */
static int chunks_of(const FilterWork* work) { return up(work->lines.rows * work->lines.pitch, DEEP); }

/* Where the layouts of some bands lie: `pairs` [2, inputs / 16, pairs, 16, 2], `turned` [outputs / 16, chunks, 16, 32]
 */
typedef struct {
  Bf16 *pairs, *turned;
  /* Of all bands. */
  size_t pair_count, chunk_count;
} Layouts;

/* The pairs of a band's line that begin with even pixels, and with odd ones. */
static void lay_pairs(const FilterWork* work, const Bf16* line, Bf16* to, size_t pair_count) {
  const Lines* l = &work->lines;
  const int pairs = planes_of(l) * l->pixels / 2 + l->after / 2, tiles = depth_tiles(work);
  for (int odd = 0; odd < 2; odd++)
    for (int tile = 0; tile < tiles; tile++) {
      const Bf16* from = line + odd * l->depth + tile * TILE;
      Bf16* next = to + (odd * tiles + tile) * pair_count * DEEP;
      for (int m = 0; m < pairs; m++, from += 2 * l->depth, next += DEEP)
        _mm512_storeu_si512(next, paired(numbers_at(from), numbers_at(from + l->depth)));
    }
}

/* A band's dy, zeros between the rows, [outputs / 16, chunks, 16, 32]: of tiles from `begin` to `end`. */
static void turn(const FilterWork* work, int band, int begin, int end, Bf16* to, size_t chunk_count) {
  const Numbers none = _mm256_setzero_si256();
  const Convolution* c = &work->c;
  const Lines* l = &work->lines;
  const int first = band % l->bands * l->rows, rows = at_most(l->rows, c->rows - first);
  const Bf16* image = work->dy + ((size_t)(band / l->bands) * c->rows + first) * c->columns * c->outputs;
  for (int chunk = 0, row = 0, column = 0; chunk < chunks_of(work); chunk++) {
    const Bf16* places[DEEP];
    for (int i = 0; i < DEEP; i++) {
      const int inside = row < rows && column < c->columns;
      places[i] = inside ? image + ((size_t)row * c->columns + column) * c->outputs : 0;
      if (++column == l->pitch) column = 0, row++;
    }
    for (int tile = begin; tile < end; tile++) {
      __m512i pairs[TILE];
      for (int i = 0; i < TILE; i++) {
        const Bf16 *a = places[2 * i], *b = places[2 * i + 1];
        pairs[i] = paired(a ? numbers_at(a + tile * TILE) : none, b ? numbers_at(b + tile * TILE) : none);
      }
      exchange(pairs);
      Bf16* next = to + ((tile - begin) * chunk_count + chunk) * TILE * DEEP;
      for (int i = 0; i < TILE; i++) _mm512_storeu_si512(next + i * DEEP, pairs[i]);
    }
  }
}

/* Adds to one or two tiles of outputs, `sums_next` apart, by one or two of inputs, one after another. */
INLINE void filter_products(const int outputs, const int inputs, int fresh, int bands, int chunks, const Bf16* turned,
                            size_t turned_next, const Bf16* const* pairs, size_t band_pairs, float* sums,
                            size_t sums_next) {
#define SUMS(tile, o, i)                                           \
  if (o < outputs && i < inputs) {                                 \
    if (fresh)                                                     \
      _tile_zero(tile);                                            \
    else                                                           \
      _tile_loadd(tile, sums + o * sums_next + i * TILE_SUMS, 64); \
  }
  SUMS(0, 0, 0)
  SUMS(1, 0, 1)
  SUMS(2, 1, 0)
  SUMS(3, 1, 1)
#undef SUMS
  for (int band = 0; band < bands; band++)
    for (int chunk = 0; chunk < chunks; chunk++, turned += TILE * DEEP) {
      const size_t at = (band * band_pairs + (size_t)chunk * TILE) * DEEP;
      _tile_loadd(4, turned, 64);
      _tile_loadd(6, pairs[0] + at, 64);
      _tile_dpbf16ps(0, 4, 6);
      if (inputs > 1) {
        _tile_loadd(7, pairs[1] + at, 64);
        _tile_dpbf16ps(1, 4, 7);
      }
      if (outputs > 1) {
        _tile_loadd(5, turned + turned_next, 64);
        _tile_dpbf16ps(2, 5, 6);
        if (inputs > 1) _tile_dpbf16ps(3, 5, 7);
      }
    }
#define SUMS(tile, o, i) \
  if (o < outputs && i < inputs) _tile_stored(tile, sums + o * sums_next + i * TILE_SUMS, 64);
  SUMS(0, 0, 0)
  SUMS(1, 0, 1)
  SUMS(2, 1, 0)
  SUMS(3, 1, 1)
#undef SUMS
}

/* Adds what some bands give to a block of outputs. */
static void filter_block(const FilterWork* work, const Layouts* at, int bands, int fresh, int tiles, float* sums) {
  const Lines* l = &work->lines;
  const int inputs = depth_tiles(work), all = taps_of(&work->c) * inputs, chunks = chunks_of(work);
  const size_t band_pairs = (size_t)planes_of(l) * l->pixels / 2, next = (size_t)all * TILE_SUMS,
               turned_next = at->chunk_count * TILE * DEEP;
  LineTap taps[MOST_TAPS];
  line_taps(&work->c, 0, l, 0, 0, taps);
  for (int tile = 0; tile < tiles; tile += 2) {
    const Bf16* turned = at->turned + tile * turned_next;
    for (int i = 0; i < all; i += 2) {
      const Bf16* pairs[2] = {0};
      for (int k = 0; k < 2 && i + k < all; k++) {
        const ptrdiff_t pixel = taps[(i + k) / inputs].from / l->depth;
        const size_t layout = (pixel & 1) * inputs + (i + k) % inputs;
        pairs[k] = at->pairs + (layout * at->pair_count + pixel / 2) * DEEP;
      }
      float* to = sums + tile * next + (size_t)i * TILE_SUMS;
#define PRODUCTS(o, i) filter_products(o, i, fresh, bands, chunks, turned, turned_next, pairs, band_pairs, to, next)
      if (tiles - tile > 1)
        all - i > 1 ? PRODUCTS(2, 2) : PRODUCTS(2, 1);
      else
        all - i > 1 ? PRODUCTS(1, 2) : PRODUCTS(1, 1);
#undef PRODUCTS
    }
  }
}

/* dw of sixteen outputs and one tap: the parts' sums, inputs before outputs. */
static void filter_sum(const FilterWork* work, int tile, int tap) {
  const Convolution* c = &work->c;
  const int inputs = depth_tiles(work);
  for (int i = 0; i < inputs; i++) {
    const float* sums = work->sums + (((size_t)tile * taps_of(c) + tap) * inputs + i) * TILE_SUMS;
    __m512i rows[TILE];
    for (int k = 0; k < TILE; k++) {
      Vector sum = LOAD(sums + k * TILE);
      for (int part = 1; part < work->parts; part++) sum += LOAD(sums + part * filter_size(work) + k * TILE);
      rows[k] = (__m512i)sum;
    }
    exchange(rows);
    for (int k = 0; k < TILE && i * TILE + k < c->inputs; k++)
      STORE(work->dw + ((size_t)tap * c->inputs + i * TILE + k) * c->outputs + tile * TILE) = (Vector)rows[k];
  }
}

static void filter_sum_round(const void* data, int index) {
  const FilterWork* work = data;
  filter_sum(work, index / taps_of(&work->c), index % taps_of(&work->c));
}

/* What some bands give to a block of outputs, a group of bands at a time. */
static void filter_lines_round(const void* data, int index) {
  const FilterWork* work = data;
  const Lines* l = &work->lines;
  const int part = index / work->blocks, begin = index % work->blocks * work->tiles,
            end = at_most(begin + work->tiles, work->c.outputs / TILE);
  const int64_t bands = (int64_t)work->c.images * l->bands;
  const int first = (int)(bands * part / work->parts), last = (int)(bands * (part + 1) / work->parts);
  const size_t tile_size = (size_t)taps_of(&work->c) * depth_tiles(work) * TILE_SUMS;
  float* sums = work->sums + part * filter_size(work) + begin * tile_size;
  const size_t size = band_size(l), band_pairs = size / l->depth / 2, after = (size_t)(l->after + 2) * l->depth;
  const int chunks = chunks_of(work);
  Layouts at = {.pair_count = work->group * band_pairs + l->after / 2, .chunk_count = (size_t)work->group * chunks};
  const size_t pairs_size = 2 * depth_tiles(work) * at.pair_count * DEEP,
               turned_size = (end - begin) * at.chunk_count * TILE * DEEP;
  at.pairs = (Bf16*)scratch((pairs_size + turned_size + size + after) / 2);
  at.turned = at.pairs + pairs_size;
  Bf16* line = at.turned + turned_size;
  memset(line + size, 0, sizeof(Bf16) * after);
  if (first == last) memset(sums, 0, sizeof(float) * tile_size * (end - begin));
  begin_tiles(DEEP);
  for (int next = first, count; next < last; next += count) {
    count = at_most(work->group, last - next);
    for (int i = 0; i < count; i++) {
      lay_out(l, next + i, line);
      lay_pairs(work, line, at.pairs + i * band_pairs * DEEP, at.pair_count);
      turn(work, next + i, begin, end, at.turned + (size_t)i * chunks * TILE * DEEP, at.chunk_count);
    }
    filter_block(work, &at, count, next == first, end - begin, sums);
  }
  end_tiles();
  if (work->parts > 1) return;
  for (int tile = begin; tile < end; tile++)
    for (int tap = 0; tap < taps_of(&work->c); tap++) filter_sum(work, tile, tap);
}

/* Memory for a round's layouts, and for its sums, that a processor's cache holds; floats of all parts' sums. */
enum { CACHED_LAYOUTS = 1 << 20, CACHED_SUMS = 1 << 20, MOST_SUMS = 1 << 21 };

/* Tiles of outputs for which laying out the images is worth it. */
enum { LEAST_TILES = 4 };

/* Divides the work into rounds. */
static void divide_filter(FilterWork* work) {
  const Lines* l = &work->lines;
  const int bands = work->c.images * l->bands, tiles = work->c.outputs / TILE;
  const size_t sums = sizeof(float) * taps_of(&work->c) * depth_tiles(work) * TILE_SUMS;
  work->tiles = at_least(LEAST_TILES, CACHED_SUMS / sums / 2 * 2);
  work->blocks = up(tiles, work->tiles);
  work->parts = at_least(1, at_most(bands, at_most(ROUNDS / work->blocks, MOST_SUMS / filter_size(work))));
  const size_t each = 2 * sizeof(Bf16) * planes_of(l) * l->pixels * depth_tiles(work) * TILE +
                      sizeof(Bf16) * chunks_of(work) * DEEP * TILE * at_most(work->tiles, tiles);
  work->group = at_least(1, at_most(CACHED_LAYOUTS / (each + 1), up(bands, work->parts)));
}

/* dw, f32, of x and dy. */
static Failure filter_by_lines(const Call* call, Convolution c) {
  Array* const* arrays = call->arguments.arrays;
  FilterWork work = {
      .c = c, .lines = lines_of(&c, 0, arrays[0]->data), .dy = arrays[1]->data, .dw = call->results.arrays[0]->data};
  divide_filter(&work);
  work.sums = aligned(work.parts * filter_size(&work));
  if (!work.sums) return refuse(call, "convolution: no memory");
  parallel(call, work.parts * work.blocks, filter_lines_round, &work);
  if (work.parts > 1) parallel(call, c.outputs / TILE * taps_of(&c), filter_sum_round, &work);
  free(work.sums);
  return 0;
}
