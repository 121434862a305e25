export { EventFile } from './eventFile';
export { EventLog } from './eventLog';
export { type EncodedImage } from './messages';
