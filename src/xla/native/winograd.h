/*
 * 3x3 convolutions of stride 1 by Winograd's filtering F(4x4, 3x3) (Lavin & Gray 2015, 1509.09308): of tiles of 6 x 6
 * pixels, 4 apart, and of the kernel come 36 numbers each (`places`, columns before rows), and a matrix product for
 * each place gives those of 4 x 4 outputs. Channels of both come in sixteens.
 */

enum { SIDE = 4, WINDOW = 6, PLACES = WINDOW * WINDOW, KERNEL = 3, TAPS = KERNEL * KERNEL };

/* Places of a kernel from which they are too many to be read for each block of tiles, floats. */
enum { LARGE_KERNEL = 3 << 18 };

/* Of the filter's gradient: tiles that are transformed in a round, and that are multiplied at a time. */
enum { FILTER_BLOCK = 16, FILTER_TILES = 128 };

typedef struct {
  int images, height, width, inputs;
  int rows, columns, outputs;
  int top, left;
} Image;

typedef struct {
  Image c;
  const float *x, *kernel;
  float* y;
  /* Whether the kernel is [3, 3, outputs, inputs] and reversed, as for the gradient of another convolution's input. */
  int reversed;
  /* Tiles are computed in blocks, and for large kernels those from `first` on together. */
  int first, tiles, block;
  /* The kernel's places; or, for large kernels, those of the images and of the outputs. */
  float *u, *v, *m;
  Epilogue epilogue;
} Winograd;

/* Floats from a place to the next: a line more than it has, as those a power of two apart share few lines of a cache.
 */
static size_t stride_of(int a, int b) { return (size_t)a * b + 16; }

/* B^T d: six pixels' transform. */
INLINE void of_image(const Vector* d, Vector* v) {
  const Vector a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], e = d[4] - d[2], f = 2 * (d[3] - d[1]);
  v[0] = 4 * d[0] - 5 * d[2] + d[4];
  v[1] = a + b;
  v[2] = a - b;
  v[3] = e + f;
  v[4] = e - f;
  v[5] = 4 * d[1] - 5 * d[3] + d[5];
}

/* A^T m: four outputs of six products. */
INLINE void of_products(const Vector* m, Vector* y) {
  const Vector s = m[1] + m[2], t = m[1] - m[2], u = m[3] + m[4], w = m[3] - m[4];
  y[0] = m[0] + s + u;
  y[1] = t + 2 * w;
  y[2] = s + 4 * u;
  y[3] = t + 8 * w + m[5];
}

/* A g: the transform of four outputs' gradients. */
INLINE void of_gradient(const Vector* g, Vector* p) {
  const Vector e = g[0] + g[2], f = g[1] + g[3], h = g[0] + 4 * g[2], k = 2 * g[1] + 8 * g[3];
  p[0] = g[0];
  p[1] = e + f;
  p[2] = e - f;
  p[3] = h + k;
  p[4] = h - k;
  p[5] = g[3];
}

static int tiles_of(int size) { return up(size, SIDE); }

/* G g: the transform of three weights. */
INLINE void of_kernel(const Vector* g, Vector* u) {
  const Vector even = g[0] + g[2], wide = g[0] + 4 * g[2];
  u[0] = g[0] / 4;
  u[1] = (even + g[1]) / -6;
  u[2] = (even - g[1]) / -6;
  u[3] = (wide + 2 * g[1]) / 24;
  u[4] = (wide - 2 * g[1]) / 24;
  u[5] = g[2];
}

/* G^T s: the gradient of three weights, of those of the places. */
INLINE void of_sums(const Vector* s, Vector* g) {
  const Vector a = s[1] + s[2], b = s[2] - s[1], e = s[3] + s[4], f = s[3] - s[4];
  g[0] = s[0] / 4 - a / 6 + e / 24;
  g[1] = b / 6 + f / 12;
  g[2] = s[5] - a / 6 + e / 6;
}

/* The places of one vector of weights, `tap` floats from one weight of the kernel to the next. */
INLINE void kernel_places(const float* kernel, ptrdiff_t tap, float* u, size_t place) {
  Vector half[WINDOW][KERNEL];
  for (int j = 0; j < KERNEL; j++) {
    Vector g[KERNEL], v[WINDOW];
    for (int i = 0; i < KERNEL; i++) g[i] = LOAD(kernel + (i * KERNEL + j) * tap);
    of_kernel(g, v);
    for (int i = 0; i < WINDOW; i++) half[i][j] = v[i];
  }
  for (int i = 0; i < WINDOW; i++) {
    Vector v[WINDOW];
    of_kernel(half[i], v);
    for (int j = 0; j < WINDOW; j++) STORE(u + (j * WINDOW + i) * place) = v[j];
  }
}

/*
 * Those of the weights from some inputs to some outputs, [PLACES, place / width, width] with the outputs' channels
 * last. A reversed kernel is [3, 3, outputs, inputs]: sixteen inputs and outputs at a time are exchanged.
 */
static void kernel_block(const Winograd* work, int input, int inputs, int output, int width, float* u, size_t place) {
  const size_t size = (size_t)work->c.inputs * work->c.outputs;
  if (!work->reversed) {
    for (int c = 0; c < inputs; c++)
      for (int q = 0; q < width; q += LANES)
        kernel_places(work->kernel + (size_t)(input + c) * work->c.outputs + output + q, size,
                      u + (size_t)c * width + q, place);
    return;
  }
  float given[TAPS][CHANNELS][CHANNELS], taps[TAPS][CHANNELS];
  for (int q = 0; q < width; q += CHANNELS)
    for (int c = 0; c < inputs; c += CHANNELS) {
      for (int tap = 0; tap < TAPS; tap++)
        for (int k = 0; k < CHANNELS; k++)
          memcpy(given[TAPS - 1 - tap][k],
                 work->kernel + tap * size + (size_t)(output + q + k) * work->c.inputs + input + c, sizeof given[0][0]);
      for (int i = 0; i < CHANNELS; i++) {
        for (int tap = 0; tap < TAPS; tap++)
          for (int k = 0; k < CHANNELS; k++) taps[tap][k] = given[tap][k][i];
        for (int k = 0; k < CHANNELS; k += LANES)
          kernel_places(taps[0] + k, CHANNELS, u + (size_t)(c + i) * width + q + k, place);
      }
    }
}

/* Those of sixteen inputs' weights. */
static void kernel_round(const void* data, int index) {
  const Winograd* work = data;
  const int outputs = work->c.outputs, input = index * CHANNELS;
  kernel_block(work, input, CHANNELS, 0, outputs, work->u + (size_t)input * outputs,
               stride_of(work->c.inputs, outputs));
}

/* Tiles that a round takes: their places stay in the cache, and there are rounds enough. */
static int winograd_block(const Image* c, int tiles) {
  const int cached = (5 << 17) / (PLACES * (c->inputs + c->outputs));
  return at_least(16, at_most(64, at_most(cached, up(tiles, ROUNDS / 2))));
}

static int is_large(const Image* c) { return (size_t)PLACES * c->inputs * c->outputs > LARGE_KERNEL; }

/* Tiles whose places are held in memory at a time: blocks of so many. */
static int tiles_at_once(const Image* c, int block) {
  return at_least(1, (12 << 20) / (PLACES * (c->inputs + c->outputs)) / block) * block;
}

/* Where a tile lies among those of all images. */
typedef struct {
  int image, row, column;
} Tile;

static Tile tile_at(const Image* c, int tile) {
  const int columns = tiles_of(c->columns), each = tiles_of(c->rows) * columns;
  return (Tile){tile / each, tile % each / columns * SIDE, tile % columns * SIDE};
}

/* A vector of channels of a pixel, zero outside of the image. */
INLINE Vector pixel(const float* image, int height, int width, int channels, int row, int column) {
  if (row < 0 || row >= height || column < 0 || column >= width) return (Vector){0};
  return LOAD(image + ((size_t)row * width + column) * channels);
}

/* Places [PLACES, stride / channels, channels] of one tile of an image, `side` pixels wide from (row, column) on. */
INLINE void transform_tile(const int side, void (*const transform)(const Vector*, Vector*), const float* image,
                           int height, int width, int channels, int row, int column, float* places, size_t stride) {
  for (int c = 0; c < channels; c += LANES) {
    Vector half[WINDOW][WINDOW];
    for (int j = 0; j < side; j++) {
      Vector d[WINDOW], v[WINDOW];
      for (int i = 0; i < side; i++) d[i] = pixel(image + c, height, width, channels, row + i, column + j);
      transform(d, v);
      for (int i = 0; i < WINDOW; i++) half[i][j] = v[i];
    }
    for (int i = 0; i < WINDOW; i++) {
      Vector v[WINDOW];
      transform(half[i], v);
      for (int j = 0; j < WINDOW; j++) STORE(places + (j * WINDOW + i) * stride + c) = v[j];
    }
  }
}

/* The places [PLACES, stride / inputs, inputs] of some tiles of the images. */
static void image_places(const Winograd* work, int first, int count, float* v, size_t stride) {
  const Image* c = &work->c;
  for (int t = 0; t < count; t++) {
    const Tile at = tile_at(c, first + t);
    transform_tile(WINDOW, of_image, work->x + (size_t)at.image * c->height * c->width * c->inputs, c->height, c->width,
                   c->inputs, at.row - c->top, at.column - c->left, v + (size_t)t * c->inputs, stride);
  }
}

/* The product of one place of `count` tiles, for one or two vectors of outputs; u_step: from one input's to the next.
 */
static void multiply_place(const Winograd* work, int vectors, int count, const float* v, const float* u, int u_step,
                           float* m) {
  const Tap here = {0, 0};
  output_row(count, vectors, &here, 1, work->c.inputs, v, work->c.inputs, u, u_step, 0, m, work->c.outputs);
}

/* The outputs of some tiles, and their sums if those are wanted. */
static void outputs(const Winograd* work, int first, int count, const float* m, size_t stride, float* sums) {
  const Image* c = &work->c;
  if (sums) memset(sums, 0, sizeof(float) * 2 * c->outputs);
  for (int t = 0; t < count; t++) {
    const Tile at = tile_at(c, first + t);
    const int rows = at_most(SIDE, c->rows - at.row), columns = at_most(SIDE, c->columns - at.column);
    for (int q = 0; q < c->outputs; q += LANES) {
      const float* bias = bias_at(&work->epilogue, q);
      Vector half[SIDE][WINDOW], sum = {0}, products = {0};
      for (int j = 0; j < WINDOW; j++) {
        Vector a[WINDOW], b[SIDE];
        for (int i = 0; i < WINDOW; i++) a[i] = LOAD(m + (j * WINDOW + i) * stride + (size_t)t * c->outputs + q);
        of_products(a, b);
        for (int i = 0; i < SIDE; i++) half[i][j] = b[i];
      }
      for (int i = 0; i < rows; i++) {
        Vector y[SIDE];
        of_products(half[i], y);
        const size_t place = (((size_t)at.image * c->rows + at.row + i) * c->columns + at.column) * c->outputs + q;
        for (int j = 0; j < columns; j++) {
          if (bias) y[j] += LOAD(bias);
          if (sums) y[j] = finish(&work->epilogue, FLOAT32, y[j], place + (size_t)j * c->outputs, &sum, &products);
          STORE(work->y + place + (size_t)j * c->outputs) = y[j];
        }
      }
      if (sums) STORE(sums + q) += sum, STORE(sums + c->outputs + q) += products;
    }
  }
}

static float* sums_of(const Winograd* work, int index) {
  return work->epilogue.sums ? work->epilogue.sums + (size_t)index * 2 * work->c.outputs : 0;
}

/* A block of tiles from the image to the outputs, in the cache. */
static void block_round(const void* data, int index) {
  const Winograd* work = data;
  const Image* c = &work->c;
  const int first = index * work->block, count = at_most(work->block, work->tiles - first);
  const size_t u_size = stride_of(c->inputs, c->outputs), v_size = stride_of(count, c->inputs),
               m_size = stride_of(count, c->outputs);
  float *v = scratch(PLACES * (v_size + m_size)), *m = v + PLACES * v_size;
  image_places(work, first, count, v, v_size);
  for (int place = 0; place < PLACES; place++)
    for (int q = 0; q < c->outputs; q += 2 * LANES)
      multiply_place(work, vectors_of(c->outputs - q), count, v + place * v_size, work->u + place * u_size + q,
                     c->outputs, m + place * m_size + q);
  outputs(work, first, count, m, m_size, sums_of(work, index));
}

/* For large kernels three loops: the second makes the places of some outputs' weights and multiplies those of all. */
static void image_round(const void* data, int index) {
  const Winograd* work = data;
  const int at = index * work->block;
  image_places(work, work->first + at, at_most(work->block, work->tiles - at), work->v + (size_t)at * work->c.inputs,
               stride_of(work->tiles, work->c.inputs));
}

static void product_round(const void* data, int index) {
  const Winograd* work = data;
  const Image* c = &work->c;
  const int q = index * 2 * LANES, vectors = vectors_of(c->outputs - q), width = vectors * LANES;
  const size_t u_size = stride_of(c->inputs, width);
  float* u = scratch(PLACES * u_size);
  kernel_block(work, 0, c->inputs, q, width, u, u_size);
  for (int place = 0; place < PLACES; place++)
    multiply_place(work, vectors, work->tiles, work->v + place * stride_of(work->tiles, c->inputs), u + place * u_size,
                   width, work->m + place * stride_of(work->tiles, c->outputs) + q);
}

static void output_round(const void* data, int index) {
  const Winograd* work = data;
  const int at = index * work->block;
  outputs(work, work->first + at, at_most(work->block, work->tiles - at), work->m + (size_t)at * work->c.outputs,
          stride_of(work->tiles, work->c.outputs), sums_of(work, work->first / work->block + index));
}

/* The filter's gradient: first the places of some tiles of x and dy, then a matrix product over them for each place. */
typedef struct {
  Image c;
  const float *x, *dy;
  float* dw;
  /* [PLACES, tiles, channels] of the tiles from `first` on; their product is added to s, [PLACES, inputs, outputs]. */
  float *v, *d, *s;
  int first, tiles;
} WinogradFilter;

static void filter_places_round(const void* data, int index) {
  const WinogradFilter* work = data;
  const Image* c = &work->c;
  for (int t = index * FILTER_BLOCK, last = at_most(t + FILTER_BLOCK, work->tiles); t < last; t++) {
    const Tile at = tile_at(c, work->first + t);
    transform_tile(WINDOW, of_image, work->x + (size_t)at.image * c->height * c->width * c->inputs, c->height, c->width,
                   c->inputs, at.row - c->top, at.column - c->left, work->v + (size_t)t * c->inputs,
                   stride_of(work->tiles, c->inputs));
    transform_tile(SIDE, of_gradient, work->dy + (size_t)at.image * c->rows * c->columns * c->outputs, c->rows,
                   c->columns, c->outputs, at.row, at.column, work->d + (size_t)t * c->outputs,
                   stride_of(work->tiles, c->outputs));
  }
}

/* The product of one place [inputs, ...], for one or two vectors of outputs; s_step: from one input's to the next. */
static void multiply_filter(const WinogradFilter* work, int place, int q, float* s, int s_step) {
  const Image* c = &work->c;
  const float *v = work->v + place * stride_of(work->tiles, c->inputs),
              *d = work->d + place * stride_of(work->tiles, c->outputs) + q;
  for (int t = 0; t < work->tiles; t += FILTER_TILES)
    filter_run(c->inputs, vectors_of(c->outputs - q), work->first + t == 0, 1, at_most(FILTER_TILES, work->tiles - t),
               v + (size_t)t * c->inputs, 0, c->inputs, d + (size_t)t * c->outputs, 0, c->outputs, s, s_step);
}

static void filter_product_round(const void* data, int index) {
  const WinogradFilter* work = data;
  const int place = index % PLACES, q = index / PLACES * 2 * LANES;
  multiply_filter(work, place, q, work->s + place * stride_of(work->c.inputs, work->c.outputs) + q, work->c.outputs);
}

/* dw of one vector of weights: of the sums `place` floats apart, to weights `tap` floats apart. */
INLINE void kernel_gradient(const float* sums, size_t place, float* dw, size_t tap) {
  Vector half[KERNEL][WINDOW];
  for (int j = 0; j < WINDOW; j++) {
    Vector s[WINDOW], g[KERNEL];
    for (int i = 0; i < WINDOW; i++) s[i] = LOAD(sums + (j * WINDOW + i) * place);
    of_sums(s, g);
    for (int i = 0; i < KERNEL; i++) half[i][j] = g[i];
  }
  for (int i = 0; i < KERNEL; i++) {
    Vector g[KERNEL];
    of_sums(half[i], g);
    for (int j = 0; j < KERNEL; j++) STORE(dw + (i * KERNEL + j) * tap) = g[j];
  }
}

/* That of sixteen inputs' weights. */
static void weights_round(const void* data, int index) {
  const WinogradFilter* work = data;
  const size_t size = (size_t)work->c.inputs * work->c.outputs, piece = (size_t)CHANNELS * work->c.outputs;
  for (size_t at = index * piece, end = at + piece; at < end; at += LANES)
    kernel_gradient(work->s + at, stride_of(work->c.inputs, work->c.outputs), work->dw + at, size);
}

/* For large kernels, when all tiles are there: products and dw of some outputs, in the cache. */
static void filter_columns_round(const void* data, int index) {
  const WinogradFilter* work = data;
  const Image* c = &work->c;
  const int q = index * 2 * LANES, width = vectors_of(c->outputs - q) * LANES;
  const size_t size = (size_t)c->inputs * c->outputs, place_size = stride_of(c->inputs, width);
  float* s = scratch(PLACES * place_size);
  for (int place = 0; place < PLACES; place++) multiply_filter(work, place, q, s + place * place_size, width);
  for (int i = 0; i < c->inputs; i++)
    for (int k = 0; k < width; k += LANES)
      kernel_gradient(s + i * width + k, place_size, work->dw + (size_t)i * c->outputs + q + k, size);
}
