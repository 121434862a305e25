/** Fourier transforms over the last axis. */
import * as hlo from '../hlo';
import { define } from './define';

define('FFT', ({ input }) => hlo.fft(input, 'FFT'));
define('IFFT', ({ input }) => hlo.fft(input, 'IFFT'));
