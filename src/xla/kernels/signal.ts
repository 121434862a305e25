/** Fourier transforms over the last axis. */
import * as hlo from '../hlo';
import { define } from './define';

for (const kind of ['FFT', 'IFFT'] as const) define(kind, ({ input }) => hlo.fft(input, kind));
