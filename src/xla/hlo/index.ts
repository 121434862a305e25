/**
 * Typed constructors of StableHLO operations, named as in the specification's chapter "Ops", and their print as MLIR.
 * Shapes are inferred and checked here, so that a wrong program fails at the line that builds it.
 */
export * from './types';
export * from './value';
export * from './constant';
export * from './elementwise';
export * from './shape';
export * from './gather';
export { type Combine, resultsOf } from './region';
export { type Window } from './window';
export * from './reduce';
export * from './linear';
export * from './control';
export * from './foreign';
export * from './print';
export { type CutOptions, type Part, cut } from './cut';
