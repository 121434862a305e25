/* Vectors of the elements of arrays: f32 as they are, bf16 (their upper half) as floats, rounded to the nearest. */
#ifdef __AVX512F__
#include <immintrin.h>
#endif
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

typedef float Vector __attribute__((vector_size(LANES * 4), aligned(4)));

#define LOAD(from) (*(const Vector*)(from))
#define STORE(to) (*(Vector*)(to))

typedef uint16_t Bf16;
typedef Bf16 Halves __attribute__((vector_size(LANES * 2), aligned(2)));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4)));

INLINE const void* element(const int type, const void* array, size_t place) {
  return (const char*)array + place * (type == FLOAT32 ? sizeof(float) : sizeof(Bf16));
}

INLINE Vector load(const int type, const void* array, size_t place) {
  const void* from = element(type, array, place);
  if (type == FLOAT32) return LOAD(from);
#ifdef __AVX512F__
  return (Vector)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from)), 16);
#else
  return (Vector)(__builtin_convertvector(*(const Halves*)from, Bits) << 16);
#endif
}

INLINE void store(const int type, void* array, size_t place, Vector v) {
  void* to = (void*)element(type, array, place);
  if (type == FLOAT32) {
    STORE(to) = v;
    return;
  }
#ifdef __AVX512BF16__
  _mm256_storeu_si256(to, (__m256i)_mm512_cvtneps_pbh((__m512)v));
#else
  const Bits bits = (Bits)v, up = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, nan = (Bits)(v != v);
  *(Halves*)to = __builtin_convertvector((up & ~nan) | (0x7fc0 & nan), Halves);
#endif
}
