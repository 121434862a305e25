/** The program in the bundle (`./run-speedrun`). */
import { speedrunCommand } from '../speedrun/command';
import { requireImages } from './images';
import { runToEnd } from './runToEnd';

void runToEnd(
  speedrunCommand().hook('preAction', () => requireImages(__dirname)),
  __dirname,
);
