/** What a GPU is given to do, read from the text of the program that XLA's compiler has made. */

/** The work of one program, or of several. */
export interface Work {
  /** Operations that the GPU is given one after the other. */
  launches: number;
  /** Of these, convolutions by cuDNN. */
  convolutions: number;
  /** Megabytes that the launches read and write, were each array of each fetched from memory. */
  movedMB: number;
}

const BYTES: Readonly<Record<string, number>> = {
  ...{ pred: 1, s8: 1, u8: 1, s16: 2, u16: 2, f16: 2, bf16: 2 },
  ...{ s32: 4, u32: 4, f32: 4, s64: 8, u64: 8, f64: 8, c64: 8, c128: 16 },
};

/** Of an HLO type such as `f32[128,16]{1,0}`, or a tuple of such. */
function bytesOf(type: string): number {
  let bytes = 0;
  for (const [, dtype, shape] of type.matchAll(/(\w+)\[([\d,]*)\]/g)) {
    const size = shape === '' ? 1 : shape.split(',').reduce((n, side) => n * Number(side), 1);
    bytes += (BYTES[dtype] ?? 0) * size;
  }
  return bytes;
}

/** A line of a computation: name, type, operation and operands. */
const INSTRUCTION = /^\s+(?:ROOT )?(%[\w.-]+) = (.*?) ([a-z][a-z-]*)\((.*?)\)/;

const LAUNCHED =
  /^(fusion|custom-call|copy|(all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)(-start)?)$/;

/** Of the program's entry computation; what a loop or a branch does inside is not counted. */
export function workOf(optimized: string): Work {
  const entry = optimized.slice(optimized.lastIndexOf('\nENTRY'));
  const sizes = new Map<string, number>();
  const work = { launches: 0, convolutions: 0, movedMB: 0 };
  for (const line of entry.split('\n')) {
    const [, name, type, operation, operands] = INSTRUCTION.exec(line) ?? [];
    if (!name) continue;
    sizes.set(name, bytesOf(type));
    if (!LAUNCHED.test(operation)) continue;
    const read = operands.split(',').reduce((sum, operand) => {
      return sum + (sizes.get(operand.trim().split(' ').pop()!) ?? 0);
    }, 0);
    work.launches++;
    if (line.includes('__cudnn$conv')) work.convolutions++;
    work.movedMB += (bytesOf(type) + read) / 1e6;
  }
  return work;
}
