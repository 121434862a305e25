/** The program in the bundle (`./run-smoke`): does XLA work on that machine? It needs no images. */
import { smokeCommand } from '../gpu/smoke';
import { runToEnd } from './runToEnd';

void runToEnd(smokeCommand(), __dirname);
