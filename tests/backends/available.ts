/** A program: prints which back ends can be started here, as JSON (tests must know before they are declared). */
import { listBackends } from '../../src/backends';

listBackends().then(
  backends => console.log(JSON.stringify(backends)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
