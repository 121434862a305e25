/** A program: `tsx selection.ts [PREFER]` selects a back end and prints what `selectBackend` says, or the error's message. */
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from '../../src/backends';
import { UserError } from '../../src/errors';

const prefer = process.argv[2] as BackendName | undefined;

selectBackend(prefer ? { prefer } : {}).then(
  selected => {
    tf.tensor1d([1, 2, 3]).square().dataSync();
    console.log(JSON.stringify({ ...selected, current: tf.getBackend() }));
  },
  (error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    console.log(JSON.stringify({ error: error.message }));
  },
);
