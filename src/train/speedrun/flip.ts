import { hashString, sfc32 } from '../../models/random';

/** Which images are mirrored when: at random in the first epoch; from then on every image alternates (Jordan 2024, section 3.6). */
export class AlternatingFlip {
  private readonly first: Uint8Array;

  constructor(count: number, seed: number) {
    const next = sfc32(seed | 0, Math.floor(seed / 2 ** 32) | 0, hashString('mirrored'), 1);
    this.first = Uint8Array.from({ length: count }, () => next() & 1);
  }

  /** 1 if the image is mirrored in that epoch (the first is 0), else 0. */
  at(image: number, epoch: number): number {
    return (this.first[image] + epoch) % 2;
  }
}
