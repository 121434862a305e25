export * from './types';
export * from './value';
export * from './builder';
export * from './print';
