/*
 * Kernels for CPUs where XLA's own are slow, as handlers of XLA's foreign functions. They know only arrays; what
 * computes what is decided in ../kernels.
 */
#include "ffi.h"

#include "elements.h"
#include "memory.h"
#include "parallel.h"
#include "tiles.h"

#include "sums.h"

#include "epilogue.h"

#include "convolution.h"

#include "winograd.h"

#include "affine.h"

#include "call.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#include "amx.h"

#include "bfloat16.h"

#include "bfloat16_filter.h"

int computes_bfloat16(void) { return ask_for_amx(); }

#else

int computes_bfloat16(void) { return 0; }

#define by_lines(call, ...) refuse(call, "convolution: this processor does not multiply bf16")
#define filter_by_lines by_lines

#endif

/*
 * y [n, rows, columns, outputs] of x [n, height, width, inputs] and w [kernel rows, kernel columns, inputs, outputs],
 * + bias [outputs] if there is one more array; where two results are asked for, also channel_sums of y and y. Images
 * may be bf16; then weights are rounded to it.
 */
Failure convolution_forward(Call* call) {
  if (is_question(call)) return 0;
  Failure failure = checked(call, FLOAT32, 0);
  if (failure) return failure;
  const Array *x = call->arguments.arrays[0], *w = call->arguments.arrays[1], *y = call->results.arrays[0];
  if ((failure = fitting(call, y->dims[3], w))) return failure;
  if (x->type == BFLOAT16) return by_lines(call, convolution(call, x, w, y), 0, y);
  Work work = {.c = convolution(call, x, w, y), .a = x->data, .b = w->data, .result = y->data};
  const Convolution* c = &work.c;
  work.parts = row_parts(c->images, c->rows, (size_t)c->width * c->inputs * c->row_stride);
  if ((failure = take_epilogue(call, &work.epilogue))) return failure;
  return run(call, c->images * work.parts, forward_round, &work, &work.epilogue, c->outputs);
}

/*
 * dx [n, height, width, inputs] of dy [n, rows, columns, outputs] and w, here [kernel rows, kernel columns, outputs,
 * inputs]; or, with more arrays shaped like it, (dx + other) where relu > 0, else 0, and channel_sums of that and x.
 * `other` may be missing. For images of bf16 w is as in convolution_forward.
 */
Failure convolution_input_gradient(Call* call) {
  if (is_question(call)) return 0;
  Failure failure = checked(call, FLOAT32, 0);
  if (failure) return failure;
  const Array *dy = call->arguments.arrays[0], *w = call->arguments.arrays[1], *dx = call->results.arrays[0];
  if ((failure = fitting(call, dx->dims[3], w))) return failure;
  if (dy->type == BFLOAT16) return by_lines(call, convolution(call, dx, w, dy), 1, dx);
  Work work = {.c = convolution(call, dx, w, dy), .a = dy->data, .b = w->data, .result = dx->data};
  const Convolution* c = &work.c;
  work.parts = row_parts(c->images, c->height, (size_t)c->columns * c->outputs);
  if ((failure = take_epilogue(call, &work.epilogue))) return failure;
  return run(call, c->images * work.parts, input_round, &work, &work.epilogue, c->inputs);
}

/* dw, shaped as w is in convolution_forward, of x [n, height, width, inputs] and dy [n, rows, columns, outputs]; f32.
 */
Failure convolution_filter_gradient(Call* call) {
  if (is_question(call)) return 0;
  Failure failure = checked(call, 0, FLOAT32);
  if (failure) return failure;
  const Array *x = call->arguments.arrays[0], *dy = call->arguments.arrays[1], *dw = call->results.arrays[0];
  if ((failure = fitting(call, dw->dims[3], dw))) return failure;
  if (x->type == BFLOAT16) return filter_by_lines(call, convolution(call, x, dw, dy));
  Work work = {.c = convolution(call, x, dw, dy), .a = x->data, .b = dy->data, .result = dw->data};
  const Convolution* c = &work.c;
  const size_t size = (size_t)c->kernel_rows * c->kernel_columns * c->inputs * c->outputs;
  if (c->images == 0 || c->rows == 0 || c->columns == 0) {
    memset(dw->data, 0, sizeof(float) * size);
    return 0;
  }
  int blocks = up(c->outputs, 2 * LANES);
  work.parts = at_most(c->images, up(ROUNDS, blocks));
  float* parts = work.parts > 1 ? aligned(work.parts * size) : 0;
  if (!parts)
    work.parts = 1;
  else
    work.result = parts;
  parallel(call, work.parts * blocks, filter_round, &work);
  if (!parts) return 0;
  work.a = parts;
  work.result = dw->data;
  if (size < SHARED)
    add_lists(parts, work.parts, size, dw->data);
  else
    parallel(call, ROUNDS, sum_round, &work);
  free(parts);
  return 0;
}

/*
 * The image of a 3x3 convolution; fails unless both channels come in sixteens and the attribute has the padding before
 * rows and columns, and whether the kernel is [3, 3, outputs, inputs] and to be reversed, as for the gradient of
 * another convolution's input.
 */
static Failure image_of(const Call* call, const Array* x, const Array* y, Image* image, int* reversed) {
  const AttributeArray* how = call->attributes.size == 1 ? call->attributes.values[0] : 0;
  if (!how || call->attributes.types[0] != ARRAY_ATTRIBUTE || how->type != INT64 || how->size != 3)
    return refuse(call, "winograd: takes three integers");
  if (x->rank != 4 || y->rank != 4 || x->type != FLOAT32 || y->type != FLOAT32 || x->dims[3] % CHANNELS ||
      y->dims[3] % CHANNELS)
    return refuse(call, "winograd: takes f32 images whose channels come in sixteens");
  *image = (Image){x->dims[0], x->dims[1], x->dims[2],   x->dims[3],  y->dims[1],
                   y->dims[2], y->dims[3], how->data[0], how->data[1]};
  *reversed = how->data[2] != 0;
  return 0;
}

/* Computes all tiles with a large kernel, as many at a time as memory is taken for. */
static Failure by_outputs(const Call* call, Winograd* work, int all) {
  const Image* c = &work->c;
  const int at_once = at_most(all, tiles_at_once(c, work->block));
  const size_t v_size = PLACES * stride_of(at_once, c->inputs);
  work->v = aligned(v_size + PLACES * stride_of(at_once, c->outputs));
  if (!work->v) return refuse(call, "winograd: no memory");
  work->m = work->v + v_size;
  for (; work->first < all; work->first += at_once) {
    work->tiles = at_most(at_once, all - work->first);
    parallel(call, up(work->tiles, work->block), image_round, work);
    parallel(call, up(c->outputs, 2 * LANES), product_round, work);
    parallel(call, up(work->tiles, work->block), output_round, work);
  }
  free(work->v);
  return 0;
}

/*
 * y [n, rows, columns, outputs] of x [n, height, width, inputs] and a kernel [3, 3, inputs, outputs]. The further
 * arguments of convolution_forward or convolution_input_gradient, and their second result, may follow.
 */
Failure winograd(Call* call) {
  if (is_question(call)) return 0;
  if (call->arguments.size < 2 || call->results.size < 1) return refuse(call, "winograd: takes two arrays");
  const Array *x = call->arguments.arrays[0], *kernel = call->arguments.arrays[1], *y = call->results.arrays[0];
  if (kernel->rank != 4 || kernel->type != FLOAT32 || kernel->dims[0] != KERNEL || kernel->dims[1] != KERNEL)
    return refuse(call, "winograd: takes an f32 kernel of 3 x 3");
  Winograd work = {.x = x->data, .kernel = kernel->data, .y = y->data};
  Failure failure = image_of(call, x, y, &work.c, &work.reversed);
  if (failure || (failure = take_epilogue(call, &work.epilogue))) return failure;
  const Image* c = &work.c;
  const int all = c->images * tiles_of(c->rows) * tiles_of(c->columns);
  work.block = winograd_block(c, all);
  const int rounds = up(all, work.block);
  if (is_large(c)) {
    if ((failure = begin_sums(call, &work.epilogue, rounds, c->outputs))) return failure;
    failure = by_outputs(call, &work, all);
    end_sums(call, &work.epilogue, rounds, c->outputs);
    return failure;
  }
  work.tiles = all;
  work.u = aligned(PLACES * stride_of(c->inputs, c->outputs));
  if (!work.u) return refuse(call, "winograd: no memory");
  parallel(call, c->inputs / CHANNELS, kernel_round, &work);
  failure = run(call, rounds, block_round, &work, &work.epilogue, c->outputs);
  free(work.u);
  return failure;
}

/* dw [3, 3, inputs, outputs] of x [n, height, width, inputs] and dy [n, rows, columns, outputs]. */
Failure winograd_filter_gradient(Call* call) {
  if (is_question(call)) return 0;
  if (call->arguments.size != 2 || call->results.size != 1) return refuse(call, "winograd: takes two arrays");
  const Array *x = call->arguments.arrays[0], *dy = call->arguments.arrays[1];
  WinogradFilter work = {.x = x->data, .dy = dy->data, .dw = call->results.arrays[0]->data};
  int reversed;
  Failure failure = image_of(call, x, dy, &work.c, &reversed);
  if (failure) return failure;
  const Image* c = &work.c;
  const int all = c->images * tiles_of(c->rows) * tiles_of(c->columns),
            at_once = at_most(all, tiles_at_once(c, FILTER_TILES));
  /* Then the sums of all places are never in memory together. */
  const int by_columns = is_large(c) && at_once == all && all > 0;
  const size_t s_size = by_columns ? 0 : PLACES * stride_of(c->inputs, c->outputs);
  const size_t v_size = PLACES * stride_of(at_once, c->inputs);
  work.s = aligned(s_size + v_size + PLACES * stride_of(at_once, c->outputs));
  if (!work.s) return refuse(call, "winograd: no memory");
  work.v = work.s + s_size;
  work.d = work.v + v_size;
  if (by_columns) {
    work.tiles = all;
    parallel(call, up(all, FILTER_BLOCK), filter_places_round, &work);
    parallel(call, up(c->outputs, 2 * LANES), filter_columns_round, &work);
    free(work.s);
    return 0;
  }
  if (all == 0) memset(work.s, 0, sizeof(float) * s_size);
  for (; work.first < all; work.first += at_once) {
    work.tiles = at_most(at_once, all - work.first);
    parallel(call, up(work.tiles, FILTER_BLOCK), filter_places_round, &work);
    parallel(call, PLACES * up(c->outputs, 2 * LANES), filter_product_round, &work);
  }
  parallel(call, c->inputs / CHANNELS, weights_round, &work);
  free(work.s);
  return 0;
}

/* [2, channels], the sums over all other axes of a and of a * b, both [..., channels]. */
Failure channel_sums(Call* call) {
  if (is_question(call)) return 0;
  if (call->arguments.size != 2 || call->results.size != 1) return refuse(call, "channel_sums: takes two arrays");
  const Array *a = call->arguments.arrays[0], *b = call->arguments.arrays[1], *result = call->results.arrays[0];
  if ((a->type != FLOAT32 && a->type != BFLOAT16) || a->type != b->type || a->rank < 1 || !same_shape(a, b) ||
      a->dims[a->rank - 1] % CHANNELS)
    return refuse(call, "channel_sums: takes f32 or bf16 arrays of one shape whose channels come in sixteens");
  Sums work = {a->type, a->data, b->data, 0, 1, a->dims[a->rank - 1]};
  for (int i = 0; i < a->rank - 1; i++) work.rows *= a->dims[i];
  const int size = 2 * work.channels;
  work.parts = aligned((size_t)ROUNDS * size);
  if (!work.parts) return refuse(call, "channel_sums: no memory");
  parallel(call, ROUNDS, sums_round, &work);
  add_lists(work.parts, ROUNDS, size, result->data);
  free(work.parts);
  return 0;
}

/*
 * (x - around) * factor + after, where each channel has its own; with four coefficients + other * other_factor, with
 * one array more + shortcut; then maybe relu. Arrays are shaped like x, [..., channels], and of its type, coefficients
 * f32, [3 or 4, channels]: around, factor, after, other_factor.
 */
Failure channel_affine(Call* call) {
  if (is_question(call)) return 0;
  const int count = call->arguments.size;
  const AttributeArray* relu = call->attributes.size == 1 ? call->attributes.values[0] : 0;
  if (count < 2 || call->results.size != 1 || !relu || call->attributes.types[0] != ARRAY_ATTRIBUTE ||
      relu->type != INT64 || relu->size != 1)
    return refuse(call, "channel_affine: takes arrays, and an integer");
  Array* const* arrays = call->arguments.arrays;
  const Array *x = arrays[0], *given = arrays[1], *y = call->results.arrays[0];
  const int64_t channels = x->rank < 1 ? 1 : x->dims[x->rank - 1];
  if (channels % CHANNELS || (x->type != FLOAT32 && x->type != BFLOAT16) || y->type != x->type || !same_shape(x, y))
    return refuse(call, "channel_affine: takes f32 or bf16 arrays of one shape whose channels come in sixteens");
  for (int i = 2; i < count; i++)
    if (arrays[i]->type != x->type || !same_shape(arrays[i], x))
      return refuse(call, "channel_affine: takes arrays of one type and shape");
  const int rows = given->rank == 2 && given->type == FLOAT32 && given->dims[1] == channels ? given->dims[0] : 0;
  if (rows < 3 || rows > 4 || count > rows || count < rows - 1)
    return refuse(call, "channel_affine: takes f32 coefficients, three or four of each channel");
  const float* coefficients = given->data;
  Affine work = {.type = x->type,
                 .relu = relu->data[0] != 0,
                 .x = x->data,
                 .other = rows == 4 ? arrays[2]->data : 0,
                 .shortcut = count == rows ? arrays[count - 1]->data : 0,
                 .around = coefficients,
                 .factor = coefficients + channels,
                 .after = coefficients + 2 * channels,
                 .other_factor = coefficients + 3 * channels,
                 .result = y->data,
                 .rows = 1,
                 .channels = channels};
  for (int i = 0; i < x->rank - 1; i++) work.rows *= x->dims[i];
  parallel(call, ROUNDS, affine_round, &work);
  return 0;
}
