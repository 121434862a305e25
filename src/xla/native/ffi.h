/*
 * The part of XLA's foreign function interface that the kernels use: openxla/xla, xla/ffi/api/c_api.h, version 0.x.
 * Structs begin with their size and a list of extensions; fields are only added at the end.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct Extension {
  size_t struct_size;
  int type;
  struct Extension* next;
} Extension;

enum { METADATA_EXTENSION = 1, FLOAT32 = 11, BFLOAT16 = 16, INT64 = 5, ARRAY_ATTRIBUTE = 1, INVALID_ARGUMENT = 3 };

typedef struct {
  size_t struct_size;
  Extension* extensions;
  int major, minor;
} Version;

/* What a handler tells about itself when it is registered. */
typedef struct {
  Extension base;
  struct {
    size_t struct_size;
    Version version;
    uint32_t traits;
    int64_t state_type;
  }* metadata;
} MetadataExtension;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  int type;
  void* data;
  int64_t rank;
  int64_t* dims;
} Array;

/* Arguments and results alike. */
typedef struct {
  size_t struct_size;
  Extension* extensions;
  int64_t size;
  int* types;
  Array** arrays;
} Arrays;

typedef struct {
  int type;
  size_t size;
  int64_t* data;
} AttributeArray;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  int64_t size;
  int* types;
  void** names;
  void** values;
} Attributes;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  const char* message;
  int code;
} ErrorArguments;

/* An error of XLA's own kind; null is success. */
typedef void* Failure;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  Failure failure;
} DestroyArguments;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  void* context;
  void (*task)(void*);
  void* data;
} ScheduleArguments;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  void* context;
  int64_t* threads;
} ThreadsArguments;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  Version version;
  const void* internal;
  Failure (*error_create)(ErrorArguments*);
  void* error_get_message;
  void (*error_destroy)(DestroyArguments*);
  void *handler_register, *stream_get, *type_register, *context_get, *state_set, *state_get, *allocate, *free;
  Failure (*schedule)(ScheduleArguments*);
  Failure (*threads)(ThreadsArguments*);
} Api;

typedef struct {
  size_t struct_size;
  Extension* extensions;
  const Api* api;
  void* context;
  int stage;
  Arrays arguments, results;
  Attributes attributes;
} Call;
