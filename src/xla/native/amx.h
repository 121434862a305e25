/*
 * Products of bf16 numbers by the processor's matrix unit (AMX, Intel 64 and IA-32 Architectures SDM, chapter 18), and
 * how its operands are laid out. A tile of A holds 16 rows of up to 32 numbers, one of B as many pairs of rows, 16
 * columns each, and one of sums 16 x 16 floats.
 */
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TILE = 16, DEEP = 2 * TILE, TILE_SUMS = TILE * TILE };

/* Asks the system, which gives it to the whole process; returns whether it does. */
static int ask_for_amx(void) {
  enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

/* Sums are tiles 0 to 3, A's 4 and 5, B's 6 and 7. The products add `depth` (16 or 32) numbers at a time. */
static void begin_tiles(int depth) {
  struct __attribute__((packed)) {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    config.row_bytes[i] = i == 4 || i == 5 ? 2 * depth : 64;
    config.rows[i] = i > 5 ? depth / 2 : TILE;
  }
  _tile_loadconfig(&config);
}

static void end_tiles(void) { _tile_release(); }

/* Sixteen numbers, from memory, or those nearest to floats. */
typedef __m256i Numbers;

INLINE Numbers numbers_at(const Bf16* from) { return _mm256_loadu_si256((const __m256i*)from); }

INLINE Numbers nearest(__m512 floats) { return (Numbers)_mm512_cvtneps_pbh(floats); }

/* Of two rows of sixteen numbers their pairs, as B has them. */
INLINE __m512i paired(Numbers first, Numbers second) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(first), _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
}

/* Exchanges rows and columns of 16 x 16 floats, or pairs: blocks beside the diagonal, of 1, 2, 4 and 8 each. */
INLINE void exchange(__m512i* rows) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (int side = 1; side < TILE; side *= 2) {
    const __mmask16 odd = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(side));
    const __m512i upper = _mm512_mask_add_epi32(lane, odd, lane, _mm512_set1_epi32(TILE - side));
    const __m512i lower = _mm512_add_epi32(upper, _mm512_set1_epi32(side));
    for (int i = 0; i < TILE; i++) {
      if (i & side) continue;
      const __m512i a = rows[i], b = rows[i + side];
      rows[i] = _mm512_permutex2var_epi32(a, upper, b);
      rows[i + side] = _mm512_permutex2var_epi32(a, lower, b);
    }
  }
}
