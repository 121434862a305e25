/* What handlers have in common: how a call is checked, and what comes along with a result. */

static Failure refuse(const Call* call, const char* why) {
  return call->api->error_create(&(ErrorArguments){sizeof(ErrorArguments), 0, why, INVALID_ARGUMENT});
}

/* Answers XLA's question, when it registers a handler, which version of the interface it was made for. */
static int is_question(Call* call) {
  for (Extension* e = call->extensions; e; e = e->next)
    if (e->type == METADATA_EXTENSION) {
      ((MetadataExtension*)e)->metadata->version.major = 0;
      ((MetadataExtension*)e)->metadata->version.minor = 1;
      return 1;
    }
  return 0;
}

/*
 * Fails unless the call has two arrays of four axes and a result, f32 or bf16, all of one type where no other is
 * given, and an attribute of strides, dilations and padding.
 */
static Failure checked(const Call* call, int kernel_type, int result_type) {
  if (call->arguments.size < 2 || call->results.size < 1 || call->attributes.size != 1)
    return refuse(call, "convolution: takes two arrays, one attribute");
  const Array* arrays[] = {call->arguments.arrays[0], call->arguments.arrays[1], call->results.arrays[0]};
  const int type = arrays[0]->type,
            types[] = {type, kernel_type ? kernel_type : type, result_type ? result_type : type};
  if (type != FLOAT32 && type != BFLOAT16) return refuse(call, "convolution: takes arrays of f32 or bf16");
  for (int i = 0; i < 3; i++)
    if (arrays[i]->rank != 4 || arrays[i]->type != types[i])
      return refuse(call, "convolution: takes arrays of four axes, images of one type, and kernels of f32");
  const AttributeArray* window = call->attributes.values[0];
  if (call->attributes.types[0] != ARRAY_ATTRIBUTE || window->type != INT64 || window->size != 6)
    return refuse(call, "convolution: takes six integers");
  return 0;
}

/* Fails unless the tiles fit: `channels` of the result, and a kernel w. */
static Failure fitting(const Call* call, int64_t channels, const Array* w) {
  if (channels % CHANNELS) return refuse(call, "convolution: the result's channels come in sixteens");
  return w->dims[0] * w->dims[1] > MOST_TAPS ? refuse(call, "convolution: the kernel is too large") : 0;
}

static Convolution convolution(const Call* call, const Array* x, const Array* w, const Array* y) {
  const int64_t* window = ((AttributeArray*)call->attributes.values[0])->data;
  return (Convolution){
      .images = x->dims[0],
      .height = x->dims[1],
      .width = x->dims[2],
      .inputs = x->dims[3],
      .rows = y->dims[1],
      .columns = y->dims[2],
      .outputs = y->dims[3],
      .kernel_rows = w->dims[0],
      .kernel_columns = w->dims[1],
      .row_stride = window[0],
      .column_stride = window[1],
      .row_dilation = window[2],
      .column_dilation = window[3],
      .top = window[4],
      .left = window[5],
  };
}

static int same_shape(const Array* a, const Array* b) {
  if (a->rank != b->rank) return 0;
  for (int axis = 0; axis < a->rank; axis++)
    if (a->dims[axis] != b->dims[axis]) return 0;
  return 1;
}

/* Memory for the sums of so many rounds, if there is a second result to add them up in. */
static Failure begin_sums(const Call* call, Epilogue* epilogue, int rounds, int channels) {
  if (call->results.size != 2) return 0;
  epilogue->sums = aligned((size_t)rounds * 2 * channels);
  return epilogue->sums ? 0 : refuse(call, "convolution: no memory");
}

static void end_sums(const Call* call, Epilogue* epilogue, int rounds, int channels) {
  if (epilogue->sums) add_lists(epilogue->sums, rounds, 2 * channels, call->results.arrays[1]->data);
  free(epilogue->sums);
}

/* Runs the rounds of a convolution whose result has so many channels. */
static Failure run(const Call* call, int rounds, Round* round, const void* work, Epilogue* epilogue, int channels) {
  Failure failure = begin_sums(call, epilogue, rounds, channels);
  if (failure) return failure;
  parallel(call, rounds, round, work);
  end_sums(call, epilogue, rounds, channels);
  return 0;
}

/* The third argument and the following, if there are any: `bias`; or `relu`, `x` and maybe `other`. */
static Failure take_epilogue(const Call* call, Epilogue* epilogue) {
  Array* const* arrays = call->arguments.arrays;
  const int count = call->arguments.size;
  if (count == 2) return 0;
  if (count == 3) {
    if (arrays[2]->type != FLOAT32 || arrays[2]->rank != 1 || arrays[2]->dims[0] != call->results.arrays[0]->dims[3])
      return refuse(call, "convolution: takes an f32 bias, a number of each channel");
    epilogue->bias = arrays[2]->data;
    return 0;
  }
  const Array* result = call->results.arrays[0];
  for (int i = 2; i < count; i++)
    if (arrays[i]->type != result->type || !same_shape(arrays[i], result))
      return refuse(call, "convolution: takes relu, x and other shaped like the result");
  if (count < 4 || count > 5 || call->results.size != 2)
    return refuse(call, "convolution: takes relu and x, and gives sums");
  epilogue->relu = arrays[2]->data;
  epilogue->x = arrays[3]->data;
  if (count == 5) epilogue->other = arrays[4]->data;
  return 0;
}
